"""Write docs/tables.md from dbt's YAML files: `make docs`.

What is above the marker in docs/tables.md is written by hand and kept; what follows it lists the
marts, the seeds that people fill in, and the raw tables, each with its columns.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent
FILE = PROJECT / "docs" / "tables.md"
MARKER = "<!-- Generated from dbt_project by `make docs`: do not edit what follows. -->\n"

_DBT = PROJECT / "dbt_project"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DOC_BLOCK = re.compile(r"{% docs (\w+) %}(.*?){% enddocs %}", re.DOTALL)
_DOC = re.compile(r"{{ doc\('(\w+)'\) }}")


def tables() -> str:
    """The generated part of docs/tables.md."""
    docs = _doc_blocks()
    parts = ["## Marts: `openai_marts`\n"]
    parts += [_table(model, docs) for model in _nodes("models", "models/marts")]
    parts.append("## Files that you fill in: `dbt_project/own_seeds`\n")
    own = {path.stem for path in (_DBT / "own_seeds").glob("*.csv")}
    parts += [_table(seed, docs) for seed in _nodes("seeds", "seeds") if seed["name"] in own]
    parts.append("## Raw tables: `openai_raw`\n")
    for source in _nodes("sources", "models/staging"):
        parts += [_table(table, docs) for table in source["tables"]]
    return "\n".join(parts)


def page() -> str:
    """The whole of docs/tables.md as it should be."""
    written = FILE.read_text().split(MARKER)[0]
    return f"{written}{MARKER}\n{tables()}"


def _nodes(kind: str, folder: str) -> list[dict[str, Any]]:
    """The nodes that the YAML files of a folder list under `kind`, ordered by file and line."""
    paths = sorted((_DBT / folder).rglob("*.yml"))
    files = [yaml.load(path.read_text(), Loader=_LOADER) for path in paths]  # noqa: S506
    return [node for file in files for node in file.get(kind, [])]


def _doc_blocks() -> dict[str, str]:
    texts = [path.read_text() for path in sorted((_DBT / "models").rglob("*.md"))]
    return {name: text for found in texts for name, text in _DOC_BLOCK.findall(found)}


def _table(node: dict[str, Any], docs: dict[str, str]) -> str:
    """A heading, the description, and the columns that the YAML file lists."""
    name = node.get("config", {}).get("alias") or node["name"]
    lines = [f"### {name}", "", _text(node.get("description", ""), docs), ""]
    columns = node.get("columns", [])
    if not any(column.get("description") for column in columns):
        if columns:
            names = ", ".join(f"`{column['name']}`" for column in columns)
            lines += [f"Columns: {names}.", ""]
        return "\n".join(lines)
    has_types = any(column.get("data_type") for column in columns)
    lines.append(f"| column |{' type |' if has_types else ''} description |")
    lines.append(f"|---|{'---|' if has_types else ''}---|")
    for column in columns:
        kind = f" {column.get('data_type', '')} |" if has_types else ""
        text = _text(column.get("description", ""), docs).replace("|", "\\|")
        lines.append(f"| `{column['name']}` |{kind} {text} |")
    return "\n".join([*lines, ""])


def _text(description: str, docs: dict[str, str]) -> str:
    """The description on one line, with the text of the doc blocks that it names."""
    return " ".join(_DOC.sub(lambda doc: docs[doc[1]], description).split())


if __name__ == "__main__":
    FILE.write_text(page())
