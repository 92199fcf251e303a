"""The official FOCUS validator on exported files: `make focus-check RULES=DIR`.

It needs the FinOps Foundation's rules of the exported FOCUS version, `model-….json`, in the folder
that FOCUS_RULES names, and the validator in its own environment, because it needs another Python
and another PyArrow; the command creates it. Without them, the tests are skipped.
"""

import json
import os
import subprocess
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from conftest import TODAY, known
from running import PROJECT, run_pipeline_process

from openai_costs.reports.focus_metadata import FOCUS_VERSION
from openai_costs_source.simulator.api import SimulatedApi
from openai_costs_source.simulator.charges import Charge
from openai_costs_source.simulator.organization import Organization

RULES = Path(os.environ.get("FOCUS_RULES", "")) / f"model-{FOCUS_VERSION}.json"
VALIDATOR = PROJECT / ".focus-venv" / "bin" / "python"

ALWAYS = {
    "CAU-CostAndUsage-D-021-M": "requires PublisherName, which this version of FOCUS removed",
    "CAU-CostAndUsage-D-038-M": "requires ProviderName, which this version of FOCUS removed",
}
WITH_CREDITS = {
    "CAU-PricingCurrencyContractedUnitPrice-C-012-C": (
        "requires a price if SkuPriceId is null, but its text requires one if it is not null"
    ),
}
DEVIATIONS = ("credits", "restated", "missing-amounts", "users-apart-before", "key-floor")

pytestmark = pytest.mark.skipif(
    "FOCUS_RULES" not in os.environ,
    reason=f"FOCUS_RULES is not set to the folder of {RULES.name}: make focus-check RULES=DIR",
)


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """The rules without the cycle of dependencies that validator 2.2.1 cannot load (FOCUS_Spec pull
    request 2609): a unit depends on the quantity's rule about nulls, not on all its rules."""
    model = json.loads(RULES.read_text())
    for rule in ("CAU-CommitmentDiscountUnit-C-005-C", "CAU-CommitmentDiscountUnit-C-006-C"):
        criteria = model["ModelRules"][rule]["ValidationCriteria"]
        criteria["Dependencies"] = [
            name.replace("DiscountQuantity-C-000-C", "DiscountQuantity-C-003-C")
            for name in criteria["Dependencies"]
        ]
    folder = tmp_path_factory.mktemp("rules")
    (folder / RULES.name).write_text(json.dumps(model))
    return folder, model["ModelRules"]


def failing(rules, file, report):
    """Return the rules that a file fails, without composite rules, and the validator's counts."""
    folder, known = rules
    where = "import focus_validator; print(*focus_validator.__path__)"
    package = subprocess.check_output([VALIDATOR, "-c", where], text=True).strip()
    subprocess.run(
        [
            VALIDATOR.with_name("focus-validator"),
            *(
                "--data-file",
                file,
                "--validate-version",
                FOCUS_VERSION,
                "--focus-dataset",
                "CostAndUsage",
            ),
            *("--rule-set-path", folder, "--block-download", "--applicability-criteria", "ALL"),
            *("--output-type", "unittest", "--output-destination", report),
        ],
        cwd=Path(package).parent,  # It reads its currencies relative to this folder.
        check=True,
        capture_output=True,
    )
    suite = ElementTree.parse(report).getroot()
    failed = {
        case.get("name").split()[0]
        for case in suite.iter("testcase")
        if case.find("failure") is not None
    }
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "skipped")}
    return {rule for rule in failed if known[rule]["Function"] != "Composite"}, counts


@pytest.mark.parametrize(
    ("modes", "exceptions"),
    [((), ALWAYS), (DEVIATIONS, {**ALWAYS, **WITH_CREDITS}), (("unknown-units",), ALWAYS)],
    ids=["without failure modes", "with failure modes", "with unknown units"],
)
def test_exported_files_fail_no_rule_but_the_listed_exceptions(
    modes, exceptions, rules, tmp_path, capsys
):
    options = [word for mode in modes for word in ("--trap", mode)]
    checked = export_and_check(rules, tmp_path, capsys, "--demo", *options)
    assert set.union(*checked.values()) == set(exceptions)


class YoungOrganization(Organization):
    """The demo organization with only a few days of charges, a credit among them."""

    def charges(self, day):
        if day < self.today - timedelta(days=3):
            return []
        credit = Charge(None, None, None, "promotional credit", Decimal(-5), None, None)
        return [*super().charges(day), *([credit] if day == self.today else [])]


def test_files_of_a_young_organization_without_line_items_fail_no_other_rule(
    rules, tmp_path, capsys
):
    with SimulatedApi(YoungOrganization(TODAY)) as api:
        settings = {**known(api), "SOURCES__OPENAI_COSTS__GROUP_BY": '["project_id"]'}
        checked = export_and_check(rules, tmp_path, capsys, **settings)
    # All other months are loaded, and have no charges.
    days = [TODAY - timedelta(days=ago) for ago in range(4)]
    assert set(checked) == {f"focus-{YoungOrganization.id}-{day:%Y-%m}.parquet" for day in days}
    assert set.union(*checked.values()) == {*ALWAYS, *WITH_CREDITS}


def export_and_check(rules, folder, capsys, *options, **settings):
    """Load with these options and settings, and export; return the rules that each file fails."""
    destination = [option for option in options if option == "--demo"]
    for arguments in (options, ("export", *destination, "--to", "files")):
        done = run_pipeline_process(*arguments, cwd=folder, **settings)
        assert done.returncode == 0, done.stderr
    files = sorted((folder / "files").glob("*.parquet"))
    with ThreadPoolExecutor(2) as pool:
        reports = [folder / f"{file.stem}.xml" for file in files]
        checked = list(pool.map(partial(failing, rules), files, reports))
    with capsys.disabled():
        for file, (failed, counts) in zip(files, checked, strict=True):
            print(f"\n{file.name}: {counts}, failed {sorted(failed)}", end="")  # noqa: T201
    assert {counts["tests"] > 700 for _, counts in checked} == {True}
    return {file.name: failed for file, (failed, _) in zip(files, checked, strict=True)}
