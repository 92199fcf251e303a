"""Random texts that replace ids, names and addresses: the same text has the same pseudonym."""

from __future__ import annotations

import itertools
import re
from secrets import choice

from openai_costs_source.recording.vocabulary import WORDS, has_common_words_only, is_parameter

_KEPT_PREFIX = re.compile(r"(?:proj|key|svc_acct|alert|vs|page)_|(?:user|org|sk|sess)-|https?://")
_SHORTEST = 4
"""The fewest characters of a pseudonym that are random."""
# Without vowels: no pseudonym is a word, and none is mistaken for a name.
_LOWER = "bcdfghjklmnpqrstvwxz"
_NOT_ASCII = "äëöüñçåøšž"

_CURRENCY = (
    r"(?:(?i:usd|eur|gbp)|AED|ARS|AUD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|HKD|HUF|IDR|ILS|INR|JPY"
    r"|KRW|KWD|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PKR|PLN|QAR|RON|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|VND|ZAR)"
)
_IN_ANY_TEXT = r"""
    (?P<openai>(?<![\w.\-])(?:https?://)?(?:[\w\-]+\.)*openai\.com\b(?!\.?[\w\-]))
    | \w[\w.+'\-]{0,63}@[\w\-]{1,63}(?:\.[\w\-]{1,63})*  # e-mail addresses
    | (?<!\w)sk-[\w*\-]+                               # keys, also masked ones
    | (?<=[Bb]earer\ )[\w.~+/=\-]{8,}
    | https?://[^\s"'<>]+                              # URLs
    # Hosts. The last label of a version or a model, such as gpt-5.6-sol, begins with a digit.
    | (?<!\w)(?:[\w\-]{1,63}\.){1,8}[^\W\d_][\w\-]{0,61}[^\W_](?![\w\-])
      (?::\d{1,5})?(?:/[^\s"'<>]*)?
    | \b\d{1,3}(?:\.\d{1,3}){3}\b                      # IPv4 addresses
    | (?<![\w:.])(?=[\da-fA-F:]*::|(?:[\da-fA-F]{1,4}:){3})
      [\da-fA-F:]{2,39}(?:\.\d{1,3}){0,3}             # IPv6 addresses
    | \b(?:(?:proj|key|svc_acct|alert|vs|req)_|(?:user|org|sess)-)[\w\-]+
    | (?<!\w)'[^'\n]{1,1000}'(?!\w)
    | "[^"\n]{1,1000}" | `[^`\n]{1,1000}` | “[^”\n]{1,1000}” | ‘[^’\n]{1,1000}’
    | «[^»\n]{1,1000}»
"""
_PRIVATE_IN_NAME = re.compile(_IN_ANY_TEXT, re.VERBOSE)
"""What may be private in the name of a model or a line item."""
_PRIVATE_IN_SENTENCE = re.compile(
    rf"""
    {_IN_ANY_TEXT}
    # Words with digits, UUIDs, IBANs, phone numbers.
    | \b[a-z]{{2,8}}[_\-](?=[A-Za-z]*\d)[A-Za-z0-9]{{6,}}\b
    | \b[\da-fA-F]{{8}}(?:-[\da-fA-F]{{4}}){{3}}-[\da-fA-F]{{12}}\b
    | \b[A-Z]{{2}}\d\d(?:\ ?[A-Z\d]{{4}}){{2,7}}(?:\ ?[A-Z\d]{{1,4}})?\b
    | \+\d[\d\ ()/.\-]{{5,30}}\d
    | \b(?=\w*\d)(?=\w*[^\W\d_])\w{{10,}}\b
    # Amounts of money, and other long numbers that are no Unix times.
    | (?:[$€£¥₹₩]|\b{_CURRENCY})\s?\d(?:[\d.,']{{0,40}}\d)?
    | \b\d(?:[\d.,'\ \u00a0\u202f]{{0,40}}\d)?\s?
      (?:[$€£¥₹₩]|(?:{_CURRENCY}|(?i:dollars?|cents?|euros?|pounds?|francs?|yen|rupees?))\b)
    | \b(?!(?:1[4-9]|2[01])\d{{8}}\b)\d{{6,}}\b
    """,
    re.VERBOSE,
)
"""What may be private in a sentence of the API: values, as opposed to the words around them."""

_QUOTES = "'\"`“‘«"
_FINE_TUNED = re.compile(r"\bft[:-]([^,|]*?)((?: (?:text|audio|image))?\s*(?=[,|]|$))")
_FINE_TUNED_IN_TEXT = re.compile(r"(?<![\w\-])ft[:-][\w.:\-]*[\w\-]")
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
        lower = text.lower()
        known = [name for name in self.by_value if name.lower() in lower and _is_distinctive(name)]
        for name in sorted(known, key=len, reverse=True):
            pattern = rf"(?<!\w){re.escape(name)}(?!\w)"
            pseudonym = self.by_value[name].replace("\\", r"\\")
            text = re.sub(pattern, pseudonym, text, flags=re.IGNORECASE)
        text = _FINE_TUNED_IN_TEXT.sub(lambda name: self.of_name(name[0]), text)
        return _PRIVATE_IN_SENTENCE.sub(self._of_part, text)

    def of_name(self, name: str) -> str:
        """The name of a model or a line item; of a fine-tuned model, only the public part stays."""
        name = _PRIVATE_IN_NAME.sub(self._of_part, name)
        if _FINE_TUNED.search(name):
            return _FINE_TUNED.sub(self._of_fine_tuned, name)
        return _AFTER_A_COLON.sub(lambda rest: self.of(rest[0]), name)

    def _of_part(self, match: re.Match[str]) -> str:
        part = match[0]
        if part[0] in _QUOTES:
            inner = part[1:-1]
            is_kept = is_parameter(inner) or inner in self._used
            return part if is_kept else part[0] + self.of(inner) + part[-1]
        # The scope api.usage.read looks like a host.
        if match["openai"] or part in self._used or has_common_words_only(part):
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
        if word[0].lower() in WORDS:
            return word[0]
        return "".join("0" if character.isdigit() else "x" for character in word[0])

    return re.sub(r"[^\W_]+", mask, text)


def _is_distinctive(value: str) -> bool:
    """Whether a value in a sentence is that value, and no word, date or position."""
    has_letters = any(map(str.isalpha, value))
    return len(value) >= (3 if has_letters else 12) and not has_common_words_only(value)


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
