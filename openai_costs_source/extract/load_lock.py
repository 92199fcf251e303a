"""Locks for one load at a time: per dataset on PostgreSQL, and per working directory."""

from __future__ import annotations

import importlib
import logging
import threading
from pathlib import Path
from typing import Any

import dlt
from dlt.common.runtime import signals
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.common.storages.load_package import load_package_state
from dlt.destinations.sql_client import SqlClientBase

from openai_costs_source.errors import OpenAICostsError

_LONGEST_WAIT = 3600
"""Seconds for which a load waits for another one."""

log = logging.getLogger(__name__)

_dataset_locks: dict[int, tuple[str, SqlClientBase[Any]]] = {}
"""By thread: the load that locks a dataset, and the connection that holds the lock."""

_directories: dict[str, Any] = {}
"""The locked file of each working directory that this process loads from."""


def wait_for_other_loads(client: Any) -> None:
    """Lock the dataset of this PostgreSQL client for the load of this thread.

    The server releases the lock when the process ends. Raises OpenAICostsError if another load has
    not ended in an hour.
    """
    try:
        load_id = load_package_state()["load_id"]
    except CurrentLoadPackageStateNotAvailable:
        return  # dlt changes the schema, outside a load.
    if _dataset_locks.get(threading.get_ident(), ("",))[0] == load_id:
        return
    if failed := _dataset_locks.pop(threading.get_ident(), None):  # An earlier load of this thread.
        failed[1].close_connection()
    name = client.dataset_name
    lock = type(client)(name, name, client.credentials, client.capabilities)
    lock.open_connection()
    sql = f"SELECT pg_try_advisory_lock(hashtext('openai_costs load'), hashtext('{name}'))"
    for seconds in range(_LONGEST_WAIT):
        if lock.execute_sql(sql)[0][0]:
            _dataset_locks[threading.get_ident()] = (load_id, lock)
            return
        if not seconds:
            log.warning("Another load into %s is running: waiting until it ends.", name)
        signals.sleep(1)
        signals.raise_if_signalled()
    lock.close_connection()
    raise OpenAICostsError(
        f"Another load into {name} has not ended for {_LONGEST_WAIT} seconds.",
        "End it, or wait, and run again.",
    )


def release_locks() -> None:
    """Release the locks of this thread's load."""
    if file := _directories.pop(dlt.current.pipeline().working_dir, None):
        file.close()
    if locked := _dataset_locks.pop(threading.get_ident(), None):
        locked[1].close_connection()


def lock_working_directory(working_directory: str) -> bool:
    """Lock the directory for the load of this process; False if another process has locked it.

    True on an operating system that cannot lock files this way.
    """
    for removed in [path for path in _directories if not Path(path).exists()]:
        _directories.pop(removed).close()
    if working_directory in _directories:
        return True
    try:
        fcntl = importlib.import_module("fcntl")
    except ImportError:  # Windows
        return True
    file = Path(working_directory, "openai_costs.lock").open("w")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    _directories[working_directory] = file
    return True
