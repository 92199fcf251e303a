"""Spark and its Thrift server, in one process or on a standalone cluster.

The programs are in PyPI's pyspark and need Java. The server listens on loopback only, and its files
are removed at the end. Its time zone is not UTC, so that a shifted day fails a test.
"""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

TIME_ZONE = "Asia/Kolkata"
START_TIMEOUT = 120


def missing():
    """Return why Spark cannot be started here, or None."""
    if not importlib.util.find_spec("pyspark") or not importlib.util.find_spec(
        "dbt.adapters.spark"
    ):
        return "pyspark and dbt-spark are not installed"
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        return "Spark needs Java 17, and there is no java"
    return None


# Closing a session looks for a metastore, and retries for 20 seconds if there is none.
_WITHOUT_METASTORE = """
<configuration>
  <property><name>hive.metastore.uris</name><value>thrift://127.0.0.1:1</value></property>
  <property><name>hive.metastore.connect.retries</name><value>0</value></property>
  <property><name>hive.metastore.failure.retries</name><value>0</value></property>
  <property><name>hive.metastore.client.connect.retry.delay</name><value>0s</value></property>
  <property><name>hive.hmshandler.retry.attempts</name><value>0</value></property>
</configuration>
"""


# With few rows, planning takes longer than it saves; a cluster keeps Spark's defaults.
_WITHOUT_OPTIMIZATION = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
    # Spark would write out a plan for each query, which no test reads.
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.maxPlanStringLength": "100",
    # Hadoop would write a file with a checksum for each file.
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
}
_DEPLOY = "org.apache.spark.deploy"


class Spark:
    """Runs the server during the `with` block; `port` is the port of its Thrift server.

    With `clustered`, it runs on a cluster of a master and two workers instead of in two threads.
    """

    def __init__(self, folder, clustered=False):
        self.folder, self.clustered = folder, clustered
        self.warehouse = folder / "warehouse"
        self.port = _free_port()

    def __enter__(self):
        (self.folder / "hive-site.xml").write_text(_WITHOUT_METASTORE)
        self._parts = contextlib.ExitStack()
        with contextlib.ExitStack() as started:
            url = self._cluster(started) if self.clustered else "local[2]"
            part = self._start(started, f"{_DEPLOY}.SparkSubmit", *self._thrift_server(url))
            _await(self.port, part)
            self._parts = started.pop_all()
        return self

    def __exit__(self, *_):
        self._parts.close()
        shutil.rmtree(self.folder)

    def rows(self, sql):
        """Return the column names and rows of a query in a new session."""
        from pyhive import hive

        with (
            contextlib.closing(hive.connect(host="127.0.0.1", port=self.port)) as connection,
            contextlib.closing(connection.cursor()) as cursor,
        ):
            cursor.execute(sql)
            if not cursor.description:
                return [], []
            return [column[0] for column in cursor.description], cursor.fetchall()

    def _cluster(self, started):
        """Start a master and its workers; returns the master's URL."""
        port = _free_port()
        url = f"spark://127.0.0.1:{port}"
        where = ("--host", "127.0.0.1", "--webui-port", "0")
        part = self._start(started, f"{_DEPLOY}.master.Master", *where, "--port", str(port))
        _await(port, part)
        for name in ("worker1", "worker2"):
            size = ("--cores", "1", "--memory", "1g", "--work-dir", str(self.folder / name))
            self._start(started, f"{_DEPLOY}.worker.Worker", *where, *size, url)
        return url

    def _thrift_server(self, master):
        # Many short queries: a compiler that starts fast is faster than one that optimizes.
        quick = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC"
        # Hadoop runs chmod for each file that it writes.
        quick += " -Djdk.lang.Process.launchMechanism=VFORK"
        java = f"{quick} -Dderby.system.home={self.folder} -Djava.io.tmpdir={self.folder}"
        settings = {
            "spark.executor.memory": "700m",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.extraJavaOptions": java,
            "spark.executor.extraJavaOptions": quick,
            "spark.ui.enabled": "false",
            "spark.eventLog.enabled": "false",
            # A metastore would outlive the cluster and take most of the time.
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.session.timeZone": TIME_ZONE,
            "spark.sql.shuffle.partitions": "2",
            **({} if self.clustered else _WITHOUT_OPTIMIZATION),
            "spark.sql.warehouse.dir": self.warehouse.as_uri(),
        }
        configured = [f"--conf={name}={value}" for name, value in settings.items()]
        server = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
        given = [
            f"hive.server2.thrift.port={self.port}",
            "hive.server2.thrift.bind.host=127.0.0.1",
        ]
        return (
            f"--master={master}",
            *configured,
            f"--class={server}",
            "spark-internal",
            *(text for setting in given for text in ("--hiveconf", setting)),
        )

    def _start(self, parts, main, *arguments):
        import pyspark

        home = Path(pyspark.__file__).parent
        java = os.environ.get("JAVA_HOME")
        environment = {
            "SPARK_HOME": str(home),
            "SPARK_CONF_DIR": str(self.folder),
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
            "SPARK_LOCAL_IP": "127.0.0.1",
            # The heap of the Thrift server: the default of 1 GiB is too small to plan the checks
            # of all days, a query of many joins.
            "SPARK_DAEMON_MEMORY": "4g",
            "PATH": os.environ["PATH"],
            **({"JAVA_HOME": java} if java else {}),
        }
        log = parts.enter_context((self.folder / f"{main.split('.')[-1]}.log").open("a"))
        process = subprocess.Popen(
            [str(home / "bin" / "spark-class"), main, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        parts.callback(_stop, process)
        return process


def _stop(process):
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _await(port, process):
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    raise TimeoutError(f"Spark does not listen on port {port}.")
