"""Prints how much resident memory open connections take: `python idle_connections.py KIND COUNT`.

KIND is ``handshake`` (a browser's request was accepted) or ``open`` (made open).
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

from traffic import REQUEST

from wsproto_core import Connection, Request, Role, ServerConnection


def accept() -> ServerConnection:
    connection = ServerConnection()
    for event in connection.receive_data(REQUEST):
        if isinstance(event, Request):
            connection.accept()
    connection.data_to_send()
    return connection


KINDS: dict[str, Callable[[], Connection]] = {
    "handshake": accept,
    "open": lambda: Connection(Role.SERVER),
}


def resident() -> int:
    """The resident memory of this process, in bytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main(kind: str, count: int) -> None:
    make = KINDS[kind]
    make()  # what is made but once, is made here
    connections: list[Connection | None] = [None] * count
    for index in range(count):
        connections[index] = None  # the list's own memory
    before = resident()
    for index in range(count):
        connections[index] = make()
    print(resident() - before)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
