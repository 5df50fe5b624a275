"""The command line: arguments, exit status, and what it makes of its terminal and files."""

from __future__ import annotations

import io
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsproto_core import __version__
from wsproto_core.__main__ import main

HELLO = bytes.fromhex("818537fa213d7f9f4d5158")  # RFC 6455 section 5.7


class Terminal(io.StringIO):
    """A terminal of a given encoding, without what real files have."""

    def __init__(self, encoding: str | None = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str | None:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return True


def run(*arguments: str, stdin: bytes = b"", **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **variables}
    return subprocess.run(
        [sys.executable, "-m", "wsproto_core", *arguments],
        input=stdin.decode("latin-1"),
        capture_output=True,
        encoding="utf-8",
        env=environment,
        timeout=60,
    )


def give_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


# Arguments


def test_without_arguments_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "demo" in out
    assert "decode" in out


def test_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"wsproto_core {__version__}\n"


def test_help_of_decode_has_forms_statuses_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["decode", "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    for part in ("follow,tcp,raw", "exit status:", "examples:", "xxd", "--open", "--extensions"):
        assert part in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["decode"], "FILE"),
        (["decode", "a", "b", "c"], "two at most"),
        (["decode", "-", "-"], "stdin can be read once"),
        (["decode", "--role", "proxy", "a"], "--role"),
        (["decode", "--hex", "--raw", "a"], "not allowed with"),
        (["decode", "--deflate", "--extensions", "permessage-deflate", "a"], "not allowed with"),
        (["decode", "--extensions", "x-mine", "a"], "extension 'x-mine' is not known here"),
        (["decode", "--extensions", "permessage-deflate; level=9", "a"], "parameter 'level'"),
        (["decode", "--extensions", ";;", "a"], "not a list of extensions"),
        (["demo", "--width", "20"], "at least 80"),
        (["demo", "--width", "wide"], "invalid"),
        (["dance"], "invalid choice"),
    ],
)
def test_wrong_arguments_end_with_status_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.out == ""


# Files


def test_hex_on_stdin_is_decoded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give_stdin(monkeypatch, HELLO.hex(" ").encode())
    assert main(["decode", "--open", "-"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "direction                bytes   size  event",
        'client → server          0..11     11  TextMessage "Hello"',
        "",
        "client  11 bytes, 1 frame, no Close frame",
    ]


def test_json_has_one_object_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "frames.bin"
    file.write_bytes(HELLO + HELLO)
    assert main(["decode", "--open", "--json", str(file)]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["data"] == second["data"] == "Hello"
    assert (second["start"], second["end"]) == (11, 22)


def test_unusable_files_give_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    garbage = tmp_path / "garbage"
    garbage.write_bytes(bytes(range(255, 0, -1)))
    for name, complaint in [
        (str(tmp_path / "missing"), "No such file or directory"),
        (str(tmp_path), ""),  # a directory; what the system says differs
        (str(empty), "there are no bytes in it"),
        (str(garbage), "cannot tell who sent this"),
    ]:
        assert main(["decode", name]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith(f"wsproto_core: {name}: {complaint}")
        assert captured.err.count("\n") == 1


def test_violation_ends_with_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "frames.bin"
    file.write_bytes(HELLO + b"\x81\x01x")
    assert main(["decode", "--open", "--role", "client", str(file)]) == 1
    out = capsys.readouterr().out
    assert "VIOLATION at byte 12: a client's frame is not masked" in out
    assert "RFC 6455 section 5.1, close code 1002 PROTOCOL_ERROR" in out


# Terminal


@pytest.mark.parametrize(
    ("variables", "option", "coloured"),
    [
        ({}, "auto", True),
        ({"NO_COLOR": "1"}, "auto", False),
        ({"NO_COLOR": ""}, "auto", True),
        ({"TERM": "dumb"}, "auto", False),
        ({"NO_COLOR": "1"}, "always", True),
        ({}, "never", False),
    ],
)
def test_colours_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], option: str, coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["demo", "--color", option]) == 0
    assert ("\x1b[" in terminal.getvalue()) is coloured


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("10", 80), ("400", 140)])
def test_table_is_as_wide_as_the_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["demo"]) == 0
    assert width - 20 <= max(map(len, terminal.getvalue().splitlines())) <= width


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", None])
def test_arrows_become_ascii_where_they_cannot_be_shown(
    monkeypatch: pytest.MonkeyPatch, encoding: str | None
) -> None:
    terminal = Terminal(encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["demo", "--color", "never", "--width", "140"]) == 0
    out = terminal.getvalue()
    assert out.isascii()
    assert "client -> server" in out
    assert '"Hello, client! Gr\\xfc\\xdfe, \\u043f' in out


def test_ascii_output_of_a_process() -> None:
    done = run("demo", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "client -> server" in done.stdout
    assert done.stderr == ""


# Endings


def test_interrupt_ends_with_status_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wsproto_core.__main__.talk", interrupt)
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == ""


class BrokenFile(Terminal):
    """A file that takes nothing any more, with a descriptor of its own."""

    def __init__(self, error: OSError, descriptor: int) -> None:
        super().__init__()
        self.error = error
        self.descriptor = descriptor

    def fileno(self) -> int:
        return self.descriptor

    def flush(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "complaint"),
    [
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (OSError(28, "No space left on device"), 2, "wsproto_core: No space left on device\n"),
    ],
)
def test_output_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    error: OSError,
    status: int,
    complaint: str,
) -> None:
    with open(tmp_path / "out", "w") as file:
        monkeypatch.setattr(sys, "stdout", BrokenFile(error, file.fileno()))
        assert main(["demo"]) == status
        assert os.path.samestat(os.fstat(file.fileno()), os.stat(os.devnull))
    assert capsys.readouterr().err == complaint


def test_module_runs_as_a_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["wsproto_core"])
    monkeypatch.delitem(sys.modules, "wsproto_core.__main__")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("wsproto_core", run_name="__main__")
    assert caught.value.code == 0
    assert "commands:" in capsys.readouterr().out


def test_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "wsproto_core", "decode", "--open", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(HELLO * 5000)
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Undo an inherited "ignore", which background jobs of a shell have and pass on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupted_process_says_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "wsproto_core", "decode", "--open", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(HELLO * 2)
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"direction")  # it is up and waits for more
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == b""


def test_status_of_a_process_tells_a_violation_from_bad_input() -> None:
    assert run("decode", "--open", "--role", "client", "-", stdin=b"81 01 78").returncode == 1
    bad = run("decode", "-", stdin=b"81 0")
    assert bad.returncode == 2
    assert bad.stderr == "wsproto_core: stdin: the hex text ends in the middle of a byte\n"
