"""What the organization uses in each mix of models and tools, and at which prices."""

from decimal import Decimal
from typing import NamedTuple

AGENT_RUNTIME = "agent runtime preview"
PRICE_CUT_AGE = 50

# mix; era; unit; model or tool; then each of its meters with its price and its share (per cent) of
# the mix's dollars. Prices are per million tokens or characters, per thousand calls, or per one of
# any other unit. `old` meters are replaced by `new` ones, and prices
# `before_cut` by those `after_cut`.
_PRICES = """
    frontier; old; tokens; gpt-5.4-2026-03-05; input 2.50 36; cached input 0.25 9; output 15.00 45
    frontier; old; tokens; gpt-5.4-2026-03-05; input, long context 5.00 7
    frontier; old; tokens; gpt-5.4-2026-03-05; cached input, long context 0.50 3
    frontier; new; tokens; gpt-5.6-sol; input 2.00 36; cached input 0.20 14; output 12.00 50
    small; old; tokens; gpt-5.4-mini-2026-03-17; input 0.75 40; cached input 0.075 9; output 4.5 51
    small; new; tokens; gpt-5.6-luna; input 0.60 38; cached input 0.06 12; output 3.60 50
    priority; old; tokens; priority | gpt-5.4-2026-03-05; input 5.00 100
    priority; new; tokens; priority | gpt-5.6-sol; output 24.00 100
    batch; old; tokens; batch | gpt-5.4-mini-2026-03-17; input 0.375 60; output 2.25 40
    batch; new; tokens; batch | gpt-5.6-luna; input 0.30 60; output 1.80 40
    terra; ; tokens; gpt-5.6-terra; input 1.25 34; cached input 0.125 6; output 10.00 50
    terra; ; tokens; gpt-5.6-terra; cache writes 1.5625 10
    latest; ; tokens; gpt-5.5-2026-04-23; input 5.00 40; cached input 0.50 8; output 30.00 52
    codex; ; tokens; gpt-5.3-codex; input 1.75 45; output 14.00 55
    mini; before_cut; tokens; gpt-5-mini-2025-08-07; input 0.35 45; output 2.80 55
    mini; after_cut; tokens; gpt-5-mini-2025-08-07; input 0.25 45; output 2.00 55
    astra; ; tokens; gpt-6-astra; input_tokens 8.00 100
    four; ; tokens; gpt-4.1-2025-04-14; input 2.00 20; output 8.00 25
    four; ; tokens; gpt-4o-2024-08-06; output 10.00 25
    four; ; tokens; gpt-4o-mini-2024-07-18; input 0.15 12; cached input 0.075 4; output 0.60 14
    free; ; tokens; gpt-4o-mini-2024-07-18; input 0.15 40; output 0.60 60
    evals; ; tokens; evals | gpt-4o-mini-2024-07-18; input 0.15 100
    tuned; ; 1000_tokens; ft-gpt-4o-2024-08-06; input 0.00375 100
    embedding; ; tokens; text-embedding-3-small; input 0.02 100
    images; ; tokens; gpt-image-2-2026-04-21 image; input 8.00 12; output 30.00 82
    images; ; tokens; gpt-image-2-2026-04-21 text; input 5.00 5; output 10.00 1
    retouch; ; tokens; gpt-image-1 image; input 10.00 15; cached input 2.50 5; output 40.00 60
    retouch; ; tokens; gpt-image-1 text; input 5.00 8; cached input 1.25 2
    retouch; ; tokens; gpt-image-1.5-2025-12-16 text; output 10.00 10
    voice; ; tokens; gpt-audio-mini-2025-12-15 text; input 0.60 10; output 2.40 20
    voice; ; tokens; gpt-audio-mini-2025-12-15 audio; input 10.00 30; output 20.00 40
    speech; ; characters; tts hd; 30.00 60
    speech; ; duration_seconds; whisper; 0.0001 40
    dalle; ; images; dall-e-2; output 0.018 100
    web; ; calls; web search tool calls; 10.00 85
    web; ; calls; web search tool calls | gpt-4o; 25.00 15
    filesearch; ; calls; file search tool calls; 2.50 100
    interpreter; ; calls; code interpreter tool calls; 30.00 100
    storage; ; gibibyte_hours; assistants api | file search; 0.004166666667 100
    runtime; ; duration_hours; agent runtime preview; 0.0512 100
"""

# The power of ten that a price is for.
_PRICED_PER = {"tokens": 6, "characters": 6, "calls": 3}


class Meter(NamedTuple):
    """A line item of a mix; `share` is its share of the mix's dollars, `price` is for one unit."""

    share: float
    era: str
    line_item: str
    unit: str
    price: Decimal

    def volume(self, age: int) -> float:
        """The share of its full volume on a day of this age.

        From 105 to 45 days ago, `new` models replace `old` ones; 50 days ago, a price was cut.
        """
        migrated = min(1.0, max(0.0, (105 - age) / 60))
        before = float(age > PRICE_CUT_AGE)
        prices = {"before_cut": before, "after_cut": 1 - before}
        shares = {"old": 1 - migrated, "new": migrated, **prices}
        return shares.get(self.era, 1.0)


def _meter(era: str, unit: str, model: str, meter: str) -> Meter:
    *words, dollars, share = meter.split()
    line_item = f"{model}, {' '.join(words)}" if words else model
    price = Decimal(dollars).scaleb(-_PRICED_PER.get(unit, 0))
    return Meter(int(share) / 100, era, line_item, unit, price)


def _meters_by_mix() -> dict[str, list[Meter]]:
    meters: dict[str, list[Meter]] = {}
    for line in _PRICES.strip().splitlines():
        mix, era, unit, model, *cells = (cell.strip() for cell in line.split(";"))
        meters.setdefault(mix, []).extend(_meter(era, unit, model, cell) for cell in cells)
    return meters


METERS = _meters_by_mix()
