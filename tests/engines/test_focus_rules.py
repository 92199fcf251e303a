"""The official FOCUS validator on what is exported: `make focus-check RULES=DIR`.

It wants the FinOps Foundation's rules, model-1.4.json, in the folder that FOCUS_RULES names, and
the validator in an environment of its own, which that command makes: its Python and its PyArrow are
not ours. Where they are not at hand, the tests are skipped.
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

RULES = Path(os.environ.get("FOCUS_RULES", "")) / "model-1.4.json"
VALIDATOR = PROJECT / ".focus-venv" / "bin" / "python"

ALWAYS = {
    "CAU-CostAndUsage-D-021-M": "demands PublisherName, which FOCUS 1.4 removed",
    "CAU-CostAndUsage-D-038-M": "demands ProviderName, which FOCUS 1.4 removed",
}
WITH_CREDITS = {
    "CAU-PricingCurrencyContractedUnitPrice-C-012-C": (
        "demands a price where SkuPriceId is null; its text says where it is not null"
    ),
}
ODDITIES = ("credits", "restated", "missing-amounts", "users-apart-before", "key-floor")

pytestmark = pytest.mark.skipif(
    "FOCUS_RULES" not in os.environ,
    reason="FOCUS_RULES names no folder of model-1.4.json: make focus-check RULES=DIR",
)


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """The rules, with the one cycle of dependencies mended that keeps validator 2.2.1 from loading
    them (FOCUS_Spec pull request 2609): a unit depends on the quantity's null rule, not on all."""
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
    """The rules that a file fails by themselves, not by what they are made of; and the figures."""
    folder, known = rules
    where = "import focus_validator; print(*focus_validator.__path__)"
    package = subprocess.check_output([VALIDATOR, "-c", where], text=True).strip()
    subprocess.run(
        [
            VALIDATOR.with_name("focus-validator"),
            *("--data-file", file, "--validate-version", "1.4", "--focus-dataset", "CostAndUsage"),
            *("--rule-set-path", folder, "--block-download", "--applicability-criteria", "ALL"),
            *("--output-type", "unittest", "--output-destination", report),
        ],
        cwd=Path(package).parent,  # It looks for its currencies from there.
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
    ("traps", "exceptions"),
    [((), ALWAYS), (ODDITIES, {**ALWAYS, **WITH_CREDITS}), (("unknown-units",), ALWAYS)],
    ids=["as it is", "with its oddities", "with unknown units"],
)
def test_exported_files_fail_no_rule_but_the_listed_exceptions(
    traps, exceptions, rules, tmp_path, capsys
):
    set_traps = [word for trap in traps for word in ("--trap", trap)]
    loaded = run_pipeline("--demo", *set_traps, cwd=tmp_path)
    assert loaded.returncode == 0, loaded.stderr
    exported = run_pipeline("export", "--demo", "--to", "files", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    files = sorted((tmp_path / "files").glob("*.parquet"))
    with ThreadPoolExecutor(2) as pool:
        reports = [tmp_path / f"{file.stem}.xml" for file in files]
        checked = list(pool.map(partial(failing, rules), files, reports))
    with capsys.disabled():
        for file, (failed, counts) in zip(files, checked, strict=True):
            print(f"\n{file.name}: {counts}, by themselves {sorted(failed)}", end="")  # noqa: T201
    assert {counts["tests"] > 700 for _, counts in checked} == {True}
    assert set.union(*(failed for failed, _ in checked)) == set(exceptions)
