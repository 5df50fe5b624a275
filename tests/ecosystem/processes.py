"""Programs as processes: started on wsproto or on compat, waited for, and ended by their id."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent

_PATHS = [str(HERE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, _PATHS))}

LAUNCHERS = {
    "wsproto": [sys.executable],
    "ours": [sys.executable, "-m", "wsproto_core.compat"],
}
"""How a program is started, by what it then has for wsproto."""

START = 30
"""Seconds that a server has to begin."""


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a group, and all of the group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # workers that outlived it


class Server(NamedTuple):
    """A server that runs."""

    port: int
    pid: int


@contextmanager
def server(kind: str, *arguments: str) -> Iterator[Server]:
    """A server, from when it says where it listens."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*LAUNCHERS[kind], *arguments],
            cwd=HERE,
            env=ENVIRONMENT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield Server(_port(process, log.fileno()), process.pid)
        finally:
            end(process)


def _port(process: subprocess.Popen[bytes], log: int) -> int:
    until = time.monotonic() + START
    while True:
        said = os.pread(log, 1 << 20, 0).decode(errors="replace")
        found = re.search(r"http://127\.0\.0\.1:([0-9]+)", said)
        if found:
            return int(found[1])
        assert process.poll() is None, f"the server ended:\n{said}"
        assert time.monotonic() < until, f"the server says nothing of a port:\n{said}"
        time.sleep(0.05)


def run(
    kind: str, *arguments: str, folder: Path = HERE, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """A program that ends by itself."""
    process = subprocess.Popen(
        [*LAUNCHERS[kind], *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        end(process)
    return subprocess.CompletedProcess(process.args, process.returncode, out.decode(), err.decode())
