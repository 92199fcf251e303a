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
from functools import partial
from pathlib import Path

import pytest
from running import PROJECT, run_pipeline

from openai_costs.reports.focus_metadata import FOCUS_VERSION

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
    loaded = run_pipeline("--demo", *options, cwd=tmp_path)
    assert loaded.returncode == 0, loaded.stderr
    exported = run_pipeline("export", "--demo", "--to", "files", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    files = sorted((tmp_path / "files").glob("*.parquet"))
    with ThreadPoolExecutor(2) as pool:
        reports = [tmp_path / f"{file.stem}.xml" for file in files]
        checked = list(pool.map(partial(failing, rules), files, reports))
    with capsys.disabled():
        for file, (failed, counts) in zip(files, checked, strict=True):
            print(f"\n{file.name}: {counts}, failed {sorted(failed)}", end="")  # noqa: T201
    assert {counts["tests"] > 700 for _, counts in checked} == {True}
    assert set.union(*(failed for failed, _ in checked)) == set(exceptions)
