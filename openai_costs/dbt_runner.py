"""dbt, in a process of its own: it starts and parses the models while costs are loaded.

The process speaks JSON, a line each. It is told the environment and parses the models; then the
arguments of `dbt build`, and tells each node that begins, and last what came of all. It ends when
its standard input does: with the run that started it, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"
FOLDERS = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT))
SETTINGS_OF_DBT = ("DBT_TARGET_PATH", "DBT_LOG_PATH")
"""The environment variables of dbt that a person may set."""
_QUIETLY = ("--quiet", "--log-level", "none", "--no-write-json")


class BuildFailed(Exception):
    """dbt could not start on the models; the text is its own."""


class Builder:
    """The process, as the run that started it sees it; ended with the block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "openai_costs.dbt_runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**without_settings_of_dbt(os.environ), "PYTHONPATH": str(PROJECT.parent)},
            # An interrupted run says so once.
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Begin to parse the models, with these environment variables."""
        self._tell(dict(environment))

    def build(self, arguments: list[str], tell: Callable[[str], None]) -> list[dict[str, Any]]:
        """What came of each node of `dbt build`; `tell` is told the name of each that begins."""
        self._tell(arguments)
        told: dict[str, Any] = {}
        for line in cast(Any, self._process.stdout):
            told = json.loads(line)
            if "begins" in told:
                tell(told["begins"])
        if "nodes" not in told:
            said = cast(Any, self._process.stderr).read().strip().splitlines()
            raise BuildFailed(said[-1] if said else f"it ended with {self._process.wait()}")
        if told["exception"]:
            raise BuildFailed(told["exception"])
        return cast(list[dict[str, Any]], told["nodes"])

    def _tell(self, what: Any) -> None:
        # What it ended with, where it did, is told by `build`.
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(what), file=self._process.stdin, flush=True)


def main() -> None:
    import gc

    # What starting makes, stays: looking through it for garbage gains nothing.
    gc.disable()
    told = os.fdopen(os.dup(1), "w")
    # dbt's own words have no place between the lines of JSON.
    os.dup2(2, 1)

    from mashumaro.config import BaseConfig

    # A class makes its code for JSON when it is first used: most of dbt's never are.
    BaseConfig.lazy_compilation = True

    os.environ.update(_next_line())
    exception, nodes = "", []
    try:
        manifest = parse()
        gc.freeze()
        gc.enable()
        arguments = _next_line()
        threading.Thread(target=_end_with_the_run, daemon=True).start()
        nodes = build(
            manifest,
            arguments,
            lambda name: print(json.dumps({"begins": name}), file=told, flush=True),
        )
    except BuildFailed as error:
        exception = str(error)
    print(json.dumps({"exception": exception, "nodes": nodes}), file=told, flush=True)
    # Taking dbt apart would only take time.
    os._exit(0)


def without_settings_of_dbt(environment: Mapping[str, str]) -> dict[str, str]:
    """These environment variables without those that change what dbt does.

    dbt reads each of its options from DBT_… and DBT_ENGINE_…; CI jobs set them for other projects.
    """
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("DBT_") or name in SETTINGS_OF_DBT
    } | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def parse() -> Any:
    """dbt's manifest of the models, in this process. Raises BuildFailed."""
    from dbt.cli.main import dbtRunner

    parsed = dbtRunner().invoke(["parse", *FOLDERS, *_QUIETLY])
    if parsed.exception:
        raise BuildFailed(str(parsed.exception))
    return parsed.result


def build(
    manifest: Any, arguments: list[str], report_start: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Run `dbt build` in this process and return the result of each node.

    `report_start` receives the name of each node when it starts. The warehouse is closed
    afterwards. Raises BuildFailed if dbt cannot start.
    """
    from dbt.cli.main import dbtRunner

    def on_event(event: Any) -> None:
        if event.info.name == "LogStartLine":
            report_start(event.data.node_info.node_name)

    runner = dbtRunner(manifest=manifest, callbacks=[on_event])
    try:
        result = runner.invoke(["build", *FOLDERS, *_QUIETLY, *arguments])
    finally:
        close_warehouse()
    if result.exception:
        raise BuildFailed(str(result.exception))
    return [_told(node) for node in cast(Any, result.result).results]


def close_warehouse() -> None:
    """Close the connections that dbt leaves open in this process.

    DuckDB writes what is left in its log, and lets other programs in, when it is closed.
    """
    from dbt.adapters.factory import cleanup_connections

    cast(Any, cleanup_connections)()
    if duckdb := sys.modules.get("dbt.adapters.duckdb.connections"):
        duckdb.DuckDBConnectionManager.close_all_connections()


def _next_line() -> Any:
    if not (line := sys.stdin.readline()):
        sys.exit()
    return json.loads(line)


def _end_with_the_run() -> None:
    sys.stdin.read()
    os._exit(1)


def _told(node: Any) -> dict[str, Any]:
    return {
        "name": node.node.name,
        "status": str(node.status),
        "message": str(node.message or ""),
        "failures": node.failures or 0,
        "sql": getattr(node.node, "compiled_code", None),
    }


if __name__ == "__main__":
    main()
