"""One load at a time: in a dataset on PostgreSQL, and in the working directory of a pipeline."""

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

from openai_costs_source.api.client import OpenAICostsError

_LONGEST_WAIT = 3600
"""Seconds for which a load waits for another one."""

log = logging.getLogger(__name__)

_held: dict[int, tuple[str, SqlClientBase[Any]]] = {}
"""By thread: the load that holds the lock of a dataset, and the connection that does."""

_directories: dict[str, Any] = {}
"""The open lock file of each working directory that this process loads from."""


def wait_for_other_loads(client: Any) -> None:
    """Hold the lock of the dataset of this PostgreSQL client for the load of this thread.

    The server frees the lock of a process that ends. Raises OpenAICostsError if another load has
    not ended in an hour.
    """
    try:
        load_id = load_package_state()["load_id"]
    except CurrentLoadPackageStateNotAvailable:
        return  # dlt changes the schema, outside a load.
    if _held.get(threading.get_ident(), ("",))[0] == load_id:
        return
    if failed := _held.pop(threading.get_ident(), None):  # An earlier load of this thread.
        failed[1].close_connection()
    name = client.dataset_name
    lock = type(client)(name, name, client.credentials, client.capabilities)
    lock.open_connection()
    sql = f"SELECT pg_try_advisory_lock(hashtext('openai_costs load'), hashtext('{name}'))"
    for seconds in range(_LONGEST_WAIT):
        if lock.execute_sql(sql)[0][0]:
            _held[threading.get_ident()] = (load_id, lock)
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


def let_others_load() -> None:
    """Free what the load of this thread holds."""
    if file := _directories.pop(dlt.current.pipeline().working_dir, None):
        file.close()
    if held := _held.pop(threading.get_ident(), None):
        held[1].close_connection()


def holds(working_directory: str) -> bool:
    """Whether no other process loads from this directory; this one then holds it for its load.

    Where the operating system cannot lock files, nobody knows, and the answer is yes.
    """
    for gone in [each for each in _directories if not Path(each).exists()]:
        _directories.pop(gone).close()
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
