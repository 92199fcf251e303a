"""Everything that the Markdown pages name exists: files, identifiers, links, messages, tests."""

import ast
import importlib.util
import itertools
import re
import subprocess
from functools import cache

import pytest
from running import DBT_PROJECT, PROJECT

from openai_costs.folders import COMMAND
from openai_costs.reports.focus_metadata import FOCUS_VERSION

FILES = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=PROJECT,
    capture_output=True,
    text=True,
    check=False,
).stdout.split() or [str(path.relative_to(PROJECT)) for path in PROJECT.rglob("*.*")]
FILES = [file for file in FILES if (PROJECT / file).is_file()]
DOCS = {
    file: (PROJECT / file).read_text()
    for file in FILES
    if re.fullmatch(r"[A-Z]+\.md|docs/\w+\.md", file)
}
SOURCES = {
    file: (PROJECT / file).read_text()
    for file in FILES
    if file.endswith((".py", ".sql", ".yml", ".toml", "/run", "Makefile", ".js"))
}
STRICT = ("DECISIONS.md", "docs/contributing.md")
"""Pages in which everything that looks like a path must be a file or folder of this project."""


def quoted_names(file):
    """The texts in backticks of a page, outside code blocks."""
    prose = re.sub(r"```.*?```", "", DOCS[file], flags=re.DOTALL)
    return sorted(set(re.findall(r"`([^`\n]+)`", prose)))


def exists(path):
    path = path.rstrip("/")
    return any(
        file == path or file.endswith(f"/{path}") or f"/{file}".count(f"/{path}/") for file in FILES
    )


@pytest.mark.parametrize("file", sorted(DOCS))
def test_files_named_in_the_docs_exist(file):
    paths = [name for name in quoted_names(file) if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", name)]
    if file not in STRICT:
        paths = [path for path in paths if re.search(r"\.(py|sql|yml|md|csv)$", path)]
    else:
        paths = [
            path for path in paths if "/" in path or re.search(r"\.(py|sql|yml|md|csv)$", path)
        ]
    assert [path for path in paths if not exists(path)] == []


@pytest.mark.parametrize("file", sorted(DOCS))
def test_links_in_the_docs_lead_to_files(file):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", DOCS[file])
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (PROJECT / file).parent.joinpath(link).exists()] == []


def test_every_page_is_linked_in_the_readme():
    pages = [file for file in DOCS if file.startswith("docs/")]
    assert [file for file in pages if f"]({file})" not in DOCS["README.md"]] == []


def test_identifiers_in_the_decisions_exist():
    words = set(re.findall(r"\w+", "\n".join(SOURCES.values())))
    identifiers = [
        name for name in quoted_names("DECISIONS.md") if re.fullmatch(r"[A-Za-z_]\w+", name)
    ]
    # A SQL model, macro or seed has the name of its file.
    words |= {file.rsplit("/", 1)[-1].split(".")[0] for file in FILES}
    assert [name for name in identifiers if name not in words] == []


NAMING_FOCUS = (
    *("README.md", "docs/focus.md", "dbt_project/models/exposures.yml"),
    "dbt_project/models/marts/openai__focus_costs.yml",
)
"""The texts that name the version of FOCUS that is exported; `docs/focus.md` names the next too."""


@pytest.mark.parametrize("file", NAMING_FOCUS)
def test_text_names_the_focus_version_that_is_exported(file):
    text = {**DOCS, **SOURCES}[file]
    versions = set(re.findall(r"(?:FOCUS |model-)(\d+\.\d+)\b", text))
    assert versions - {"1.5"} == {FOCUS_VERSION}


def test_only_one_file_of_code_states_the_focus_version():
    stating = [file for file, text in SOURCES.items() if f'"{FOCUS_VERSION}"' in text]
    assert stating == ["openai_costs/reports/focus_metadata.py"]


TABLE = "docs/operations.md"


@pytest.mark.parametrize("test", re.findall(r"`(test_\w+)` \|$", DOCS[TABLE], re.MULTILINE))
def test_operation_in_the_docs_has_its_test(test):
    files = [text for file, text in SOURCES.items() if file.startswith("tests/")]
    assert any(f"\ndef {test}(" in text for text in files)


def test_generated_tables_are_current():
    spec = importlib.util.spec_from_file_location(
        "generate_tables", PROJECT / "docs" / "generate_tables.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.page()
    assert module.FILE.read_text() == page, "run `make docs`"
    for mart in (DBT_PROJECT / "models" / "marts").glob("*.sql"):
        assert f"### {mart.stem.removeprefix('openai__')}\n" in page


# The path from the API to a mart.


def paths():
    """The lists in docs/contributing.md of the files that a cost passes through."""
    section = DOCS["docs/contributing.md"].split("## Follow a cost")[1].split("\n## ")[0]
    lists = re.findall(r"(?:^\d\. .*\n)+", section, re.MULTILINE)
    return [re.findall(r"^\d\. `(.*?)`", each, re.MULTILINE) for each in lists]


@cache
def imports(file):
    """The files of the source that a Python file imports."""
    modules = []
    for node in ast.walk(ast.parse(SOURCES[file])):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules.append(node.module)
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    files = {f"{module.replace('.', '/')}.py" for module in modules}
    return {each for each in files if each in SOURCES}


def joined(first, second):
    """Whether one of two modules imports the other, or a third module imports both."""
    users = [file for file in SOURCES if file.startswith("openai_costs_source/")]
    return (
        first in imports(second)
        or second in imports(first)
        or any({first, second} <= imports(user) for user in users)
    )


def test_path_from_the_api_to_a_mart_follows_imports_and_refs():
    complete, charge = paths()
    assert complete[0] == "openai_costs_source/api/client.py"
    assert complete[-1].startswith("dbt_project/models/marts/")
    assert charge[-1] == "dbt_project/models/marts/openai__focus_costs.sql"
    for path in (complete, charge):
        assert len(path) >= 4
        for first, second in itertools.pairwise(path):
            if second.endswith(".py"):
                assert joined(first, second), (first, second)
                assert second not in imports(first), f"{first} must not import {second}"
            elif first.endswith(".py"):
                # Here the last Python file loads the raw table, and the first model reads it.
                assert "def costs(" in SOURCES[first]
                assert "source('openai_raw', 'costs')" in SOURCES[second]
            else:
                model = first.rsplit("/", 1)[-1].removesuffix(".sql")
                assert f"ref('{model}')" in SOURCES[second], (first, second)


# Messages.


@cache
def printed_texts():
    """The texts that the code can print, with … in place of each value."""
    texts = []
    for file, text in SOURCES.items():
        if file.startswith(("openai_costs/", "openai_costs_source/")) and file.endswith(".py"):
            texts += re.sub(r"%(\.0f|s)", "…", "\n".join(strings(ast.parse(text)))).splitlines()
        elif file.startswith(("dbt_project/macros/", "dbt_project/tests/")):
            texts.append(re.sub(r"\"\s*~\s*\"", "", re.sub(r"\"\s*~\s*\w+\s*~\s*\"", "…", text)))
    return texts


@cache
def constants():
    """The string constants of the modules by their names, such as SEEDS."""
    python = "\n".join(text for file, text in SOURCES.items() if file.startswith("openai_costs"))
    literals = dict(re.findall(r'^([A-Z_]+) = "(.*)"$', python, re.MULTILINE))
    return literals | {"COMMAND": COMMAND}


def strings(node):
    for child in ast.walk(node):
        if isinstance(child, ast.JoinedStr):
            yield "".join(map(part, child.values)).replace("\n", " ")
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value.replace("\n", " ")


def part(value):
    """A part of an f-string: its text, the value of a constant, or … for any other value."""
    if isinstance(value, ast.Constant):
        return str(value.value)
    name = value.value.id if isinstance(value.value, ast.Name) else ""
    return constants().get(name, "…")


def messages():
    table = DOCS["docs/troubleshooting.md"].split("## Warnings after a build")[0]
    return re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)


@pytest.mark.parametrize("message", messages())
def test_message_in_the_docs_is_printed_by_the_code(message):
    parts = [part.strip(" .") for part in message.split("…")]
    longest = max(parts, key=len)
    assert any(longest in text for text in printed_texts()), longest


def test_warning_in_the_docs_is_a_dbt_test():
    table = DOCS["docs/troubleshooting.md"].split("## Warnings after a build")[1]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    warnings = [name for row in rows for name in re.findall(r"`(.*?)`", row)]
    assert len(warnings) > 5
    for warning in warnings:
        assert (DBT_PROJECT / "tests" / f"{warning.replace(' ', '_')}.sql").exists(), warning
