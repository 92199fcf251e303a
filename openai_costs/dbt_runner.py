"""dbt in a child process, which starts and parses the models while costs are loaded.

Each line between the processes is JSON. The child reads the environment variables, then the
arguments of `dbt build`. It writes the name of each node that starts, and at the end all results.
It ends when its standard input is closed, so it never outlives the run that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, cast

from openai_costs.folders import LOGS, PACKAGE, PROJECT, TARGET

FOLDERS = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT))
SETTINGS_OF_DBT = (TARGET, LOGS)
"""The only DBT_… variables that are passed on to dbt."""
_SECRETS = re.compile(r"(ADMIN_KEY|OPENAI_API_KEY|SLACK_WEBHOOK)=|sk-admin-")
_QUIET = ("--quiet", "--log-level", "none", "--no-write-json", "--no-use-colors")


class BuildFailed(Exception):
    """dbt could not start the build; the message is dbt's."""


class Builder:
    """Controls the child process from its parent; the process ends with the `with` block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            # With -P, dbt imports no module of the current folder.
            [sys.executable, "-P", "-m", "openai_costs.dbt_runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
            env={
                **environment_of_dbt(os.environ),
                "PYTHONPATH": str(PACKAGE.parent),
                # dbt reads some files in the encoding of the locale; all are UTF-8.
                "PYTHONUTF8": "1",
                "PYTHONIOENCODING": "",
            },
            # Only the parent handles an interrupt, and prints one message.
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Start parsing the models with these environment variables."""
        # The process started before the settings were known that determine the umask.
        umask = os.umask(0o077)
        os.umask(umask)
        self._send([dict(environment), umask])

    def build(
        self, arguments: list[str], report_start: Callable[[str], None]
    ) -> list[dict[str, Any]]:
        """Run `dbt build` and return the result of each node.

        `report_start` receives the name of each node when it starts. Raises BuildFailed.
        """
        self._send(arguments)
        message: dict[str, Any] = {}
        for line in cast(Any, self._process.stdout):
            message = json.loads(line)
            if "started" in message:
                report_start(message["started"])
        if "nodes" not in message:
            lines = cast(Any, self._process.stderr).read().strip().splitlines()
            raise BuildFailed(lines[-1] if lines else f"it exited with {self._process.wait()}")
        if message["exception"]:
            raise BuildFailed(message["exception"])
        return cast(list[dict[str, Any]], message["nodes"])

    def _send(self, value: Any) -> None:
        # If the process has already ended, `build` reports why.
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(value), file=self._process.stdin, flush=True)


def main() -> None:
    """Run the child process."""
    import gc

    # Garbage collection while dbt starts takes time and frees nothing.
    gc.disable()
    parent = os.fdopen(os.dup(1), "w")
    # dbt's output must not mix with the lines of JSON.
    os.dup2(2, 1)

    def send(value: Any) -> None:
        print(json.dumps(value), file=parent, flush=True)

    from mashumaro.config import BaseConfig

    # Classes compile their JSON code on first use; most of dbt's are never used.
    BaseConfig.lazy_compilation = True

    from dbt.plugins.manager import PluginManager

    # dbt would import each installed module with a name that starts with dbt_, and its models.
    cast(Any, PluginManager).get_prefixed_modules = staticmethod(dict)

    environment, umask = _receive()
    os.environ.update(environment)
    os.umask(umask)
    exception, nodes = "", []
    try:
        manifest = parse()
        gc.freeze()
        gc.enable()
        arguments = _receive()
        threading.Thread(target=_end_with_the_parent, daemon=True).start()
        nodes = build(manifest, arguments, lambda name: send({"started": name}))
    except BuildFailed as error:
        exception = str(error)
    send({"exception": exception, "nodes": nodes})
    # Exits at once, without freeing dbt's memory.
    os._exit(0)


def environment_of_dbt(environment: Mapping[str, str]) -> dict[str, str]:
    """Return these environment variables without secrets and without dbt's options.

    dbt reads each option from DBT_… or DBT_ENGINE_…, which CI jobs set for other projects. It needs
    the credentials of the warehouse, but neither admin keys nor webhooks.
    """
    return {
        name: value
        for name, value in environment.items()
        if (not name.startswith("DBT_") or name in SETTINGS_OF_DBT)
        and not _SECRETS.search(f"{name.upper()}={value}")
    } | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def parse() -> Any:
    """Return dbt's manifest of the models, parsed in this process. Raises BuildFailed."""
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke(["parse", *FOLDERS, *_QUIET])
    if result.exception:
        raise BuildFailed(str(result.exception))
    return result.result


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
        result = runner.invoke(["build", *FOLDERS, *_QUIET, *arguments])
    finally:
        close_warehouse()
    if result.exception:
        raise BuildFailed(str(result.exception))
    return [_node_result(result) for result in cast(Any, result.result).results]


def close_warehouse() -> None:
    """Close the connections that dbt leaves open in this process.

    Until then, other programs cannot open a DuckDB file, and it may be incomplete.
    """
    from dbt.adapters.factory import cleanup_connections

    cast(Any, cleanup_connections)()
    if duckdb := sys.modules.get("dbt.adapters.duckdb.connections"):
        duckdb.DuckDBConnectionManager.close_all_connections()


def _receive() -> Any:
    if not (line := sys.stdin.readline()):
        sys.exit()
    return json.loads(line)


def _end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _node_result(result: Any) -> dict[str, Any]:
    return {
        "name": result.node.name,
        "status": str(result.status),
        "message": str(result.message or ""),
        "failures": result.failures or 0,
        "sql": getattr(result.node, "compiled_code", None),
    }


if __name__ == "__main__":
    main()
