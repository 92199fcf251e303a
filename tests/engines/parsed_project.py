"""The dbt project, parsed once for one target. Commands run in this process."""

import pytest
from mashumaro.config import BaseConfig
from running import DBT_PROJECT

# Set before dbt is imported, so that its classes compile their serializers on first use.
BaseConfig.lazy_compilation = True

from dbt.cli.main import dbtRunner  # noqa: E402

FOLDERS = ("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT))
QUIETLY = ("--quiet", "--log-level", "none", "--no-write-json")


class ParsedProject:
    """The dbt project, parsed for a target of its profile; `environment` has the target's settings.

    If no target is given, the settings choose it.
    """

    def __init__(self, target, folder, environment):
        self._options = (*FOLDERS, *QUIETLY, *(("--target", target) if target else ()))
        self._environment = {
            "DBT_TARGET_PATH": str(folder / f"dbt_{target}"),
            "DBT_LOG_PATH": str(folder / f"dbt_{target}"),
            **environment,
        }
        self.manifest = None
        self.manifest = self.run("parse")

    def run(self, command, *arguments, **environment):
        """Run a dbt command, which must succeed, and return its result."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**self._environment, **environment}.items():
                patch.setenv(name, value)
            done = dbtRunner(manifest=self.manifest).invoke([command, *self._options, *arguments])
        assert done.success, done.exception or [
            f"{result.node.name}: {result.message}"
            for result in done.result
            if result.status in ("error", "fail")
        ]
        return done.result

    def build(self, *arguments, **environment):
        """Run `dbt build` without unit tests and return the status of each node."""
        models = ("build", "--exclude-resource-type", "unit_test")
        results = self.run(*models, *arguments, **environment)
        return {result.node.name: str(result.status) for result in results}
