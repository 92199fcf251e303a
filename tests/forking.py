"""Processes that start with the project already imported: a parent imports it once and forks.

For tests that kill a run, fill its disk, or need two runs at once. The parent is a separate
process, because one with threads, such as a test that serves an API, cannot be forked safely.
"""

import contextlib
import ctypes
import importlib
import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LARGEST_MESSAGE = 65536


class Forking:
    """Starts the parent process, and ends it with the `with` block."""

    def __enter__(self):
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own = {"PYTHONPATH": str(PROJECT), "OPENBLAS_NUM_THREADS": "1"}
        self._parent = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, **own},
        )
        theirs.close()
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._parent.wait(60)

    def start(self, *arguments, cwd, environment, first=()):
        """Start `python pipeline.py` with these arguments in a folder, with this environment.

        `first` is the name and the arguments of a function of this module, which the process
        calls first.
        """
        outputs = [os.pipe() for _ in range(2)]
        request = {"arguments": arguments, "cwd": str(cwd), "environment": environment}
        request = json.dumps({**request, "first": first}).encode()
        socket.send_fds(self._socket, [request], [write for _, write in outputs])
        for _, write in outputs:
            os.close(write)
        return Process(self._answer, self._answer(), [read for read, _ in outputs])

    def _answer(self, request=b""):
        if request:
            self._socket.send(request)
        return json.loads(self._socket.recv(LARGEST_MESSAGE))


class Process:
    """A started process, with an interface like that of subprocess.Popen."""

    def __init__(self, ask, pid, outputs):
        self._ask, self.pid, self._outputs = ask, pid, outputs
        self.returncode = None

    def poll(self):
        """Return the exit code, negative for a signal; None while the process runs."""
        if self.returncode is None:
            self.returncode = self._ask(b'{"poll": %d}' % self.pid)
        return self.returncode

    def kill(self):
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self):
        """Wait for the process to end; return its standard output and standard error."""
        texts = []
        for output in self._outputs:
            with os.fdopen(output, encoding="utf-8") as stream:
                texts.append(stream.read())
        self._outputs = []
        if self.returncode is None:
            self.returncode = self._ask(b'{"wait": %d}' % self.pid)
        return texts


def limit_file_size(size, kill=False):
    """Limit the size of files, in bytes, so that the disk seems full to this process.

    With `kill`, the first write beyond the limit kills the process.
    """
    if kill:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def obey_permissions():
    """Drop root's capability to bypass file permissions."""
    version, dac_override = 0x20080522, 1
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(version, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; for 32 capabilities each
    if os.geteuid() == 0:
        libc.capget(header, sets)
        for index in range(2):
            sets[index] &= ~(1 << dac_override)
        if libc.capset(header, sets):
            raise OSError(ctypes.get_errno(), "capset")


def encode_output(encoding):
    """Give standard output and standard error an encoding, as PYTHONIOENCODING does."""
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding=encoding, closefd=False)  # noqa: SIM115


def close_output():
    """Close the reader of standard output, as `head` does."""
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)


def fill_output():
    """Let standard output be a file on a full disk."""
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def signal_before_step(folder, step, number):
    """Send this process a signal before it opens, renames, links or truncates a file in a folder.

    `step` is the number of this operation, counted from 1.
    """
    steps = itertools.count(1)

    def watch(event, values):
        paths = [value for value in values[:2] if isinstance(value, str | os.PathLike)]
        if event in ("open", "os.rename", "os.link", "os.truncate") and (
            any(Path(folder) in Path(path).absolute().parents for path in paths)
            and next(steps) == step
        ):
            os.kill(os.getpid(), number)

    sys.addaudithook(watch)


def kill_before(start, in_transactions=True):
    """Kill this process before the first SQL statement that starts with this text.

    A semicolon at the end of a line separates statements, which are checked one by one. Without
    `in_transactions`, each statement is committed, as on a warehouse without transactions.
    """
    from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

    execute = DuckDbSqlClient.execute_query
    if not in_transactions:
        DuckDbSqlClient.begin_transaction = lambda self: contextlib.nullcontext()

    def watched(self, query, *values, **named):
        *others, last = query.rstrip(";\n ").split(";\n")
        for statement in [*others, last]:
            if statement.strip().startswith(start):
                os.kill(os.getpid(), signal.SIGKILL)
            if statement is not last:
                with execute(self, statement, *values, **named):
                    pass
        return execute(self, last, *values, **named)

    DuckDbSqlClient.execute_query = watched


def load_by_library(folder, killed_at=0, resources=("costs", "projects"), name="openai_costs"):
    """Run a pipeline without the command, keep its working directory, and end this process.

    With `killed_at`, the process is killed after that many jobs, before the last one is recorded.
    """
    import dlt
    from dlt.common.storages.load_package import PackageStorage

    from openai_costs_source import openai_costs

    jobs, complete_job = itertools.count(1), PackageStorage.complete_job

    def watched(self, *job):
        if next(jobs) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return complete_job(self, *job)

    PackageStorage.complete_job = watched
    code = 1
    try:
        pipeline = dlt.pipeline(
            name,
            destination=os.environ.get("DESTINATION_TYPE", "duckdb"),
            dataset_name="openai_raw",
            pipelines_dir=folder,
        )
        pipeline.run(openai_costs().with_resources(*resources))
        code = 0
    except Exception as error:
        # The output is read only after this process ends, so it must fit into the pipe.
        sys.stderr.write(str(error)[-4000:])
    sys.stderr.flush()
    os._exit(code)


def main():
    import cached_dlt  # noqa: F401
    import dlt.destinations.impl.duckdb.duck  # noqa: F401
    import pyarrow.json  # noqa: F401

    import openai_costs.commands.export
    import openai_costs.commands.load
    import openai_costs.commands.models
    import openai_costs.commands.status  # noqa: F401
    from openai_costs import cli

    with contextlib.suppress(ImportError):
        import pandas  # noqa: F401  # DuckDB imports it, where it is installed.

    requests = socket.socket(fileno=int(sys.argv[1]))
    while True:
        message, outputs, _, _ = socket.recv_fds(requests, LARGEST_MESSAGE, 2)
        if not message:
            return
        request = json.loads(message)
        if "arguments" in request:
            if not (answer := os.fork()):
                requests.close()
                _run(cli, outputs, **request)
            for output in outputs:
                os.close(output)
        else:
            pid = request.get("poll") or request["wait"]
            ended, status = os.waitpid(pid, os.WNOHANG if "poll" in request else 0)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        requests.send(json.dumps(answer).encode())


def _run(cli, outputs, arguments, cwd, environment, first):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
        os.close(output)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    # If the tests run in the background, the process inherits that SIGINT is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The package sets environment variables when it is imported.
    importlib.reload(sys.modules["openai_costs"])
    if first:
        name, *values = first
        globals()[name](*values)
    code = cli.main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    # Skips exit handlers, in which libraries would end threads that only the parent has.
    os._exit(code)


if __name__ == "__main__":
    main()
