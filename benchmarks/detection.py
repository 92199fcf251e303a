"""Measure how many planted spikes the models flag, how many days they flag without a spike, and the
errors of their forecasts: `python benchmarks/detection.py`. `make bench` also runs it, last.

Twelve half-years of the simulated organization's history, each moved to the present by whole weeks,
are loaded over HTTP and modelled. A seeded generator plants spikes of several kinds on days that
have ten weeks before them. The same half-years are loaded once more without spikes.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"

from openai_costs_source.simulator.charges import (  # noqa: E402
    RUNAWAY_AGE,
    RUNAWAY_KEY,
    Charge,
)
from openai_costs_source.simulator.organization import Organization  # noqa: E402

RESULTS = HERE / "RESULTS.md"
HEADING = "## Anomaly detection and forecasts\n"
TODAY = datetime.now(UTC).date()
HISTORIES, SPIKES = 12, 12
SEED = 100
"""Gives histories and spikes that differ from those that the thresholds were chosen with."""
WEEKS_APART = 10


class Spike(NamedTuple):
    day: date
    key: str
    kind: str
    factor: Decimal


class History(Organization):
    """A half-year of the simulated organization, moved by whole weeks so that it ends today."""

    slug = None

    def __init__(self, number: int, spiked: bool) -> None:
        self.shift = timedelta(weeks=WEEKS_APART * number)
        super().__init__(TODAY)
        self.original = Organization(TODAY - self.shift)
        self.id = self.name = f"org-{'spiked' if spiked else 'quiet'}-{number:02}"
        self.spikes: list[Spike] = []
        if spiked:
            chance = random.Random(SEED + number)
            days = chance.sample(range(2, 110), SPIKES)
            for age in days:
                day = TODAY - timedelta(days=age)
                keys = sorted({c.api_key_id for c in self.charges(day) if c.api_key_id})
                if not keys:
                    continue
                kind = chance.choice(("volume", "volume", "price", "new key"))
                factor = Decimal(chance.choice(("2", "3", "5", "8")))
                self.spikes.append(Spike(day, chance.choice(keys), kind, factor))
        self._charges_by_day.clear()

    def _charges_on(self, day: date) -> list[Charge]:
        charges = [
            # Undo the runaway key of the simulated organization.
            _grown(charge, Decimal("0.125"), "volume")
            if day == TODAY - timedelta(days=RUNAWAY_AGE) and charge.api_key_id == RUNAWAY_KEY
            else charge
            for charge in self.original.charges(day - self.shift)
        ]
        for spike in self.spikes:
            if spike.day == day:
                charges = [*_spiked(charges, spike)]
        return charges


def _grown(charge: Charge, factor: Decimal, kind: str) -> Charge:
    quantity = charge.quantity and (
        charge.quantity * factor if kind == "volume" else charge.quantity
    )
    return charge._replace(amount=charge.amount * factor, quantity=quantity)


def _spiked(charges: list[Charge], spike: Spike) -> Iterable[Charge]:
    for charge in charges:
        if charge.api_key_id != spike.key:
            yield charge
        elif spike.kind == "new key":
            yield charge
            more = _grown(charge, spike.factor - 1, "volume")
            yield more._replace(api_key_id=f"{spike.key}-{spike.day:%m%d}")
        else:
            yield _grown(charge, spike.factor, spike.kind)


def loaded(histories: list[History], folder: Path) -> Path:
    """Load all histories into one warehouse and build the marts; returns its file."""
    import dlt

    from openai_costs_source import openai_costs
    from openai_costs_source.simulator.api import DEMO_ADMIN_KEY, SimulatedApi

    file = folder / "detection.duckdb"
    pipeline = dlt.pipeline(
        "openai_costs",
        destination=dlt.destinations.duckdb(str(file)),
        dataset_name="openai_raw",
        pipelines_dir=str(folder / "pipelines"),
    )
    for history in histories:
        with SimulatedApi(history) as api:
            source = openai_costs(DEMO_ADMIN_KEY, api.base_url, loaded=set())
            pipeline.run(source.with_resources("costs", "api_keys"), loader_file_format="parquet")
    project = HERE.parent / "dbt_project"
    selected = [
        "-s",
        "+openai__cost_anomalies",
        "+openai__cost_forecast",
        "+openai__daily_costs_by_project",
    ]
    selected += ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    folders = ["--project-dir", str(project), "--profiles-dir", str(project)]
    subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "build", *selected, *folders],
        env={
            **os.environ,
            "DESTINATION__DUCKDB__CREDENTIALS": str(file),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        },
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return file


def detection() -> str:
    """Return the section of RESULTS.md."""
    import duckdb

    spiked = [History(number, spiked=True) for number in range(HISTORIES)]
    quiet = [History(number, spiked=False) for number in range(HISTORIES)]
    with tempfile.TemporaryDirectory(prefix="detection_") as folder:
        file = loaded([*spiked, *quiet], Path(folder))
        with duckdb.connect(str(file), read_only=True) as opened:
            query: Callable[[str], list[Any]] = lambda sql: opened.execute(sql).fetchall()  # noqa: E731
            flagged = query("""
                select organization_id, date, scope, scope_id, explained_by
                from openai_marts.cost_anomalies
            """)
            by_day = query("""
                select organization_id, date, sum(unblended_cost)
                from openai_marts.daily_costs_by_project group by all
            """)
            forecasts = query("""
                select expected_month_end, unblended_cost, known_cost, month, as_of
                from openai_intermediate.int_openai__forecasts
                where scope = 'organization' and not is_current and organization_id like '%quiet%'
            """)
    whole_days = {(organization, day): cost for organization, day, cost in by_day}
    return "\n".join([*_spikes_found(spiked, flagged, whole_days), *_forecast_errors(forecasts)])


def _spikes_found(
    spiked: list[History], flagged: list[Any], whole_days: dict[tuple[str, date], Decimal]
) -> list[str]:
    flagged_days = {(organization, day) for organization, day, *_ in flagged}
    # A day that is flagged more than once counts as one event.
    reasons: dict[tuple[str, date], set[str]] = {}
    for organization, day, scope, scope_id, reason in flagged:
        reasons.setdefault((organization, day), set()).add(f"{scope} {scope_id} {reason}")
    rows: dict[str, list[bool]] = {}
    explained: list[bool] = []
    for history in spiked:
        for spike in history.spikes:
            at = (history.id, spike.day)
            cost = sum(c.amount for c in history.original.charges(spike.day - history.shift)
                       if c.api_key_id == spike.key)  # fmt: skip
            share = float(cost * (spike.factor - 1) / whole_days[at])
            size = "under 3 %" if share < 0.03 else "3 to 10 %" if share < 0.1 else "over 10 %"
            rows.setdefault(size, []).append(at in flagged_days)
            if at in flagged_days and size == "over 10 %":
                wanted = {"new key": "new api_key"}.get(spike.kind, spike.kind)
                named = [text for text in reasons[at] if text.startswith(f"api_key {spike.key}")]
                explained.append(any(text.endswith(wanted) for text in named))
    planted = {(history.id, spike.day) for history in spiked for spike in history.spikes}
    false = flagged_days - planted
    quiet = [organization for organization, _ in false if "quiet" in organization]
    months = HISTORIES * 180 / 30
    large = rows.get("over 10 %", [])
    return [
        HEADING,
        f"{HISTORIES} half-years of the simulated organization, with {len(planted)} spikes planted "
        "on days and keys that a seeded generator chooses (two to eight times the volume or price "
        "of a key, or a new key that costs the difference), and the same "
        f"{HISTORIES} without spikes. A spike counts as found if its day is flagged in "
        "`cost_anomalies`, in any scope. The thresholds were chosen with other histories and "
        "spikes. `python benchmarks/detection.py` writes only this section.",
        "",
        "| anomalies | measured |",
        "|---|---|",
        *(
            f"| recall, spikes of {size} of the organization's day | "
            f"{sum(hits) / len(hits):.2f} of {len(hits)} |"
            for size, hits in sorted(rows.items(), key=lambda row: "u3o".index(row[0][0]))
        ),
        f"| precision, flagged days with a spike | {1 - len(false) / len(flagged_days):.2f} of "
        f"{len(flagged_days)} |",
        "| spikes of over 10 %, found and explained as planted | "
        f"{sum(explained) / len(large):.2f} |",
        f"| flagged days per month without spikes | {len(quiet) / months:.2f} |",
        "",
    ]


def _forecast_errors(forecasts: list[Any]) -> list[str]:
    ours, plain = [], []
    for expected, whole, so_far, month, as_of in forecasts:
        elapsed = (as_of - month).days + 1
        days = ((month + timedelta(days=31)).replace(day=1) - month).days
        ours.append(abs(expected / float(whole) - 1))
        plain.append(abs(float(so_far) / elapsed * days / float(whole) - 1))
    ours_mean, plain_mean = (f"{sum(errors) / len(errors):.2%}" for errors in (ours, plain))
    return [
        "| forecasts without spikes, mean error of the month's total | measured |",
        "|---|---|",
        f"| `cost_forecast`, {len(ours)} months, forecast on day {elapsed} | {ours_mean} |",
        f"| cost so far ÷ elapsed days × days of the month, the same months | {plain_mean} |",
        "",
    ]


def main() -> None:
    section = detection()
    before = RESULTS.read_text().split(HEADING)[0]
    RESULTS.write_text(before.rstrip("\n") + "\n\n" + section)
    print(section)


if __name__ == "__main__":
    main()
