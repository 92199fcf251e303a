"""Each mutation still changes the code: its old text occurs once in its file."""

from pathlib import Path

import model_mutations
import mutations
import pytest
from running import DBT_PROJECT, PROJECT

NOT_IN_A_MART = {"stg_openai__organizations", "int_openai__team_errors"}
"""Models that no mart reads."""
WITHOUT_MONEY = ("checks", "days", "semantic_layer")
"""Folders of models that carry neither money nor attribution."""


@pytest.mark.parametrize(
    ("folder", "planted"),
    [(PROJECT, mutations.MUTATIONS), (DBT_PROJECT, model_mutations.MUTATIONS)],
    ids=["code", "models"],
)
def test_each_mutation_changes_one_place_of_its_file(folder, planted):
    not_once = [
        mutation.description
        for mutation in planted
        if (folder / mutation.file).read_text().count(mutation.old) != 1
        or mutation.old == mutation.new
    ]
    assert not_once == []
    assert len({mutation.description for mutation in planted}) == len(planted)


def test_each_model_with_money_or_attribution_is_mutated():
    models = {
        file.stem
        for file in (DBT_PROJECT / "models").rglob("*.sql")
        if file.parent.name not in WITHOUT_MONEY
    }
    mutated = {Path(mutation.file).stem for mutation in model_mutations.MUTATIONS}
    assert models - mutated == NOT_IN_A_MART
