"""What a line item bills, by the rules of the seeds.

`[label | ]model[ modality], meter[, label]`, or `[label | ]tool[ | model]`.
"""

import re
from dataclasses import dataclass

from recomputation.rows import read_csv


@dataclass(frozen=True)
class LineItem:
    """A parsed line item; one that has an unknown format has only its text."""

    text: str | None
    service: str = "Other"
    model: str | None = None
    meter: str | None = None
    tier: str | None = None
    modality: str | None = None
    context: str | None = None

    @property
    def family(self):
        return family(self.model)

    @property
    def sku_price_id(self):
        """FOCUS's SkuPriceId: the SKU, the tier, and the context of long prompts, as a path."""
        if self.tier is None:
            return self.text or "unspecified"
        # A model is a SKU with its modality, a tool with its name and, perhaps, a model.
        name = [self.model, self.modality] if self.modality else [self.service.lower(), self.model]
        long = "long-context" if self.context == "long" else None
        return "/".join(filter(None, [*name, self.meter, self.tier, long])).replace(" ", "-")


class LineItems:
    """The parser, configured by the seeds in a folder."""

    def __init__(self, seeds):
        self._meters = {row["label"]: row["meter"] for row in read_csv(seeds / "token_meters.csv")}
        self._tools = {row["tool"]: row for row in read_csv(seeds / "line_item_tools.csv")}
        labels = read_csv(seeds / "line_item_tiers.csv")
        self._before = {row["label"]: row for row in labels if row["placement"] == "before"}
        self._after = {row["label"]: row for row in labels if row["placement"] == "after"}

    def parse(self, text):
        if text is None:
            return LineItem(None)
        name, labels = text, []
        first, _, rest = name.partition(" | ")
        if rest and first.lower() in self._before:
            labels.append(self._before[first.lower()])
            name = rest
        if tool := self._tools.get(name.lower()):
            return _line_item(text, labels, tool, tool["model"], tool["modality"])
        first, _, model = name.partition(" | ")
        if tool := self._tools.get(first.lower()):
            return _line_item(text, labels, tool, model, tool["modality"])
        *parts, last = name.split(", ")
        if parts and last.lower() in self._after:
            labels.append(self._after[last.lower()])
            *parts, last = parts
        if len(parts) != 1 or last.lower() not in self._meters:
            return LineItem(text)
        # Tokens are text where the line item states nothing else.
        (model,), modality = parts, "text"
        if match := re.fullmatch(r"(.+) (text|audio|image)", model):
            model, modality = match.groups()
        rule = {"service": service_of(model), "meter": self._meters[last.lower()]}
        return _line_item(text, labels, rule, model, modality)


def _line_item(text, labels, rule, model, modality):
    def stated(column, default):
        return next((label[column] for label in labels if label[column]), default)

    return LineItem(
        text,
        service=stated("service", rule["service"]),
        model=model,
        meter=rule["meter"],
        tier=stated("tier", "standard"),
        modality=modality,
        context=stated("context", "standard"),
    )


def family(model):
    """The model without its date and without what marks it as fine-tuned.

    That is `ft-` on the bill; in usage, it is `ft:` and all that follows the base model.
    """
    if model is None:
        return None
    name = model.lower().replace(" ", "-").removeprefix("ft-")
    name = name.split(":")[1] if name.startswith("ft:") else name
    return re.sub(r"-\d{4}-\d{2}-\d{2}$", "", name)


def service_of(model):
    """The service of a model that is billed by tokens."""
    name = model.lower()
    if name.startswith("ft-"):
        return "Fine-tuning"
    if name.startswith("text-embedding"):
        return "Embeddings"
    if "image" in name:
        return "Images"
    return "Chat and completions"
