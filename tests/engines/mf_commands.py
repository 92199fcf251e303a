"""Run commands of MetricFlow's `mf` in one process: `mf_commands.py FILE`.

FILE holds a JSON object of argument lists; the process replaces it with what each command printed.
The current folder is the dbt project, which is parsed first.
"""

import json
import sys
from pathlib import Path

from click.testing import CliRunner
from mashumaro.config import BaseConfig

# Set before dbt is imported, so that its classes compile their serializers on first use.
BaseConfig.lazy_compilation = True

from dbt.cli.main import dbtRunner  # noqa: E402
from dbt_metricflow.cli.cli_configuration import CLIConfiguration  # noqa: E402
from dbt_metricflow.cli.main import cli  # noqa: E402


def main(file):
    if not (parsed := dbtRunner().invoke(["parse", "--quiet"])).success:
        sys.exit(str(parsed.exception))
    # `mf` itself looks for a newer version in PyPI before it runs a command.
    configuration = CLIConfiguration()
    printed = {}
    for name, (command, *arguments) in json.loads(file.read_text()).items():
        done = CliRunner().invoke(cli.commands[command], arguments, obj=configuration)
        if done.exit_code:
            sys.exit(f"{name}: {done.output}{done.exception}")
        printed[name] = done.output
    file.write_text(json.dumps(printed))


main(Path(sys.argv[1]))
