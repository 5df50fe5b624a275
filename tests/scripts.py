"""The examples of the documentation, run as their readers run them: in a process each."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "examples"
SECONDS = 120  # for anything at all; a few seconds do, even on a slow machine

# echo_server.py listens on a fixed port, for it is to be short. This runs it on a free one.
ON_A_FREE_PORT = """
import runpy, socket, sys
create_server = socket.create_server
def on_a_free_port(address):
    listener = create_server((address[0], 0))
    print("ws://%s:%d/" % (address[0], listener.getsockname()[1]), flush=True)
    return listener
socket.create_server = on_a_free_port
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def run(script: Path, *arguments: str, returncode: int = 0) -> str:
    """What a script prints that ends by itself; its errors too, where it is to fail."""
    result = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
    )
    assert result.returncode == returncode, result.stderr
    if returncode == 0:
        assert result.stderr == ""
    return result.stdout + result.stderr


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONIOENCODING": "utf-8"}


@contextmanager
def serving(script: Path, *arguments: str) -> Iterator[str]:
    """Run a server, give the URI that it prints, and end it."""
    if script.parent == EXAMPLES and script.name != "echo_server.py":
        command = [sys.executable, str(script), *arguments, "0"]
    else:
        command = [sys.executable, "-c", ON_A_FREE_PORT, str(script)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        watchdog = Timer(SECONDS, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            uri = re.search(r"wss?://\S+", process.stdout.readline())
            assert uri is not None
            yield uri[0]
            assert process.poll() is None, "the server has ended"
        finally:
            watchdog.cancel()
            process.kill()
            process.communicate()
