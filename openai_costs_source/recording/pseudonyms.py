"""Random texts that replace ids, names and addresses: the same text has the same pseudonym."""

from __future__ import annotations

import itertools
import re
from secrets import choice

_KEPT_PREFIX = re.compile(r"(?:proj|key|svc_acct|alert|vs|page)_|(?:user|org|sk|sess)-|https?://")
_SHORTEST = 4
"""The fewest characters of a pseudonym that are random."""
# Without vowels: no pseudonym is a word, and none is mistaken for a name.
_LOWER = "bcdfghjklmnpqrstvwxz"
_NOT_ASCII = "äëöüñçåøšž"

_PARTS_OF_TEXTS = re.compile(
    r"""
    [\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63})+    # e-mail addresses
    | (?<!\w)sk-[\w*\-]+                               # keys, also masked ones
    | https?://[^\s"'<>]+                              # URLs
    | \b(?:[\w\-]{1,63}\.){1,8}                        # hosts
      (?:com|net|org|dev|app|cloud|local|internal|intern|corp|lan|[a-z]{2})\b
    | \b\d{1,3}(?:\.\d{1,3}){3}\b                      # IPv4 addresses
    | \b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F:]*        # IPv6 addresses
    | \b(?:(?:proj|key|svc_acct|alert|vs)_|(?:user|org|sess)-)[\w\-]+
    | (?<!\w)'[^'\n]{1,200}'(?!\w) | "[^"\n]{1,200}"
    | [$€£]\s?\d(?:[\d.,]{0,40}\d)? | \b\d[\d.,]{0,40}\s?(?:USD|EUR|usd|eur|dollars|cents)\b
    """,
    re.VERBOSE,
)
"""What may be private in a sentence of the API: values, as opposed to the words around them."""

_OPENAI_HOST = re.compile(r"(?:https?://)?(?:[\w\-]+\.)*openai\.com(?:[/?#][^\s]*)?")
_IDENTIFIER = re.compile(r"[a-z]+(?:_[a-z]+)*(?:\[\d*\])?")
"""Names of parameters and of their values, such as user_id and group_by[0]."""

# The sentences that the client understands keep their words, also if a key is named like one.
_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    a access after again and api are attention available b bad be been before beyond blocked body
    br cannot center
    cloudflare code combined connect connection cost costs data date denied disconnect div
    doctype earliest error expired failed forbidden found from gateway get group group_by h1 h2
    head header headers host hr html http https incorrect input insufficient internal invalid
    is item items key keys limit line line_item log login member meta missing model models
    moved nginx not object of on operation or organization output owner p page past permission
    permissions project project_id projects provided proxy range rate reached read refused
    request requests required reset scopes script server service span start start_time style
    supported temporarily this time timeout title token too try unauthorized unavailable
    unknown upstream url usage user user_id users value values welcome with year you your
    """,
    )
)

_FINE_TUNED = re.compile(r"\bft[:-]([^,|]*?)((?: (?:text|audio|image))?\s*(?=[,|]|$))")
_AFTER_A_COLON = re.compile(r"(?<=:)[^,|]+")
_WORD_OF_MODELS = re.compile(
    r"gpt|davinci|babbage|curie|ada|mini|nano|turbo|pro|audio|realtime|codex|preview|instruct"
    r"|o\d|\d{1,4}[a-z]?|\d\.\d{1,2}|\d{1,3}k"
)


class Pseudonyms:
    """The pseudonyms of a recording. `by_value` maps each replaced text to its pseudonym."""

    def __init__(self) -> None:
        self.by_value: dict[str, str] = {}
        self._used: set[str] = set()

    def of(self, value: str) -> str:
        """A text with the prefix of the id, the punctuation and, unless it is very short, the
        length of the value; an e-mail address has the domain `.example`."""
        if value not in self.by_value and any(map(_is_private, value)):
            local, at, domain = value.rpartition("@")
            if at and local and "." in domain and " " not in value:
                pseudonym = f"{self.of(local)}@{self.of(domain)}.example"
            else:
                pseudonym = self._unused(value)
            self.by_value[value] = pseudonym
            self._used.add(pseudonym)
        return self.by_value.get(value, value)

    def in_text(self, text: str) -> str:
        """A sentence with pseudonyms for the values in it; its words stay."""
        known = [value for value in self.by_value if value in text and _is_distinctive(value)]
        for value in sorted(known, key=len, reverse=True):
            pattern = rf"(?<!\w){re.escape(value)}(?!\w)"
            text = re.sub(pattern, self.by_value[value].replace("\\", r"\\"), text)
        return _PARTS_OF_TEXTS.sub(lambda part: self._of_part(part[0]), text)

    def of_name(self, name: str) -> str:
        """The name of a model or a line item; of a fine-tuned model, only the public part stays."""
        name = _PARTS_OF_TEXTS.sub(lambda part: self._of_part(part[0]), name)
        if _FINE_TUNED.search(name):
            return _FINE_TUNED.sub(self._of_fine_tuned, name)
        return _AFTER_A_COLON.sub(lambda rest: self.of(rest[0]), name)

    def _of_part(self, part: str) -> str:
        if part[0] in "'\"":
            inner = part[1:-1]
            is_kept = _IDENTIFIER.fullmatch(inner) or inner in self._used
            return part if is_kept else part[0] + self.of(inner) + part[-1]
        if part in self._used or _OPENAI_HOST.fullmatch(part):
            return part
        return self.of(part)

    def _of_fine_tuned(self, match: re.Match[str]) -> str:
        # ft:<base model>:<organization>:<suffix>:<id>, or ft-<base model>
        base, *private = match[1].split(":")
        words = base.split("-")
        public = next(
            (n for n, word in enumerate(words) if not _WORD_OF_MODELS.fullmatch(word)), len(words)
        )
        rest = ["-".join(words[public:])] if words[public:] else []
        base = "-".join([*words[:public], *map(self.of, rest)])
        return match[0][:3] + ":".join([base, *map(self.of, private)]) + match[2]

    def _unused(self, value: str) -> str:
        prefix = _KEPT_PREFIX.match(value)
        kept = prefix[0] if prefix and prefix.end() < len(value) else ""
        rest = value[len(kept) :]
        rest += "x" * (_SHORTEST - sum(map(_is_private, rest)))
        for attempt in itertools.count():
            # If all texts of this length are used, it becomes longer.
            pseudonym = kept + "".join(map(_random, rest + "x" * (attempt // 100)))
            if pseudonym not in self._used and pseudonym not in self.by_value:
                return pseudonym
        raise NotImplementedError


def masked(text: str) -> str:
    """A text that is not JSON: letters become x and digits 0, except in common words of errors."""

    def mask(word: re.Match[str]) -> str:
        if word[0].lower() in _WORDS:
            return word[0]
        return "".join("0" if character.isdigit() else "x" for character in word[0])

    return re.sub(r"[^\W_]+", mask, text)


def _is_distinctive(value: str) -> bool:
    """Whether a value in a sentence is that value, and no word, date or position."""
    has_letters = any(map(str.isalpha, value))
    return value.lower() not in _WORDS and len(value) >= (3 if has_letters else 12)


def _is_private(character: str) -> bool:
    if character.isascii() or character.isspace() or "\ud800" <= character <= "\udfff":
        return character.isascii() and character.isalnum()
    return character.isprintable()


def _random(character: str) -> str:
    """A random character of the same kind; punctuation and what is not text stay."""
    if not _is_private(character):
        return character
    if not character.isascii():
        return choice(_NOT_ASCII)
    if character.isdigit():
        return choice("0123456789")
    return choice(_LOWER) if character.islower() else choice(_LOWER.upper())
