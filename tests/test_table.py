"""How rows look: as lines of a table, and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from captures import (
    frame,
    lines,
    request,
    response,
    rows,
)

from wsproto_core import (
    Opcode,
)
from wsproto_core.__main__ import main
from wsproto_core.cli.rows import (
    Ignored,
    Incomplete,
    Note,
    Row,
    parse_header,
)
from wsproto_core.codes import Role
from wsproto_core.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

# The table


def event_line(event: Any, size: int = 0, **options: Any) -> str:
    row = Row(Role.CLIENT, 0, 0, event, size=size)
    first, *more = lines(row, **options)
    return " | ".join([first[39:], *map(str.strip, more)])


def test_text_cannot_command_the_terminal() -> None:
    assert event_line(TextMessage('\x1b[2J "\\\u202e\x9b')) == (
        r'TextMessage "\x1b[2J \"\\\u202e\x9b"'
    )
    assert event_line(Request("x", "/\x9b")).startswith(r"Request GET /\x9b")


def test_long_content_is_cut_to_its_columns() -> None:
    assert event_line(TextMessage("x" * 47)) == f'TextMessage "{"x" * 47}"'
    assert event_line(TextMessage("x" * 48)) == f'TextMessage "{"x" * 46}"…'
    assert event_line(TextMessage("x" * 48), symbols=False) == f'TextMessage "{"x" * 44}"...'
    assert event_line(TextMessage("\u597d" * 40)) == f'TextMessage "{"好" * 23}"…'
    assert event_line(TextMessage("x"), size=9) == 'TextMessage "x"…'
    assert event_line(BytesMessage(b"\xff" * 16)) == "BytesMessage " + " ".join(["ff"] * 16)
    assert event_line(BytesMessage(b"\xff" * 17)) == "BytesMessage " + "ff " * 15 + "…"


def test_findings_have_their_lines() -> None:
    row = Row(Role.SERVER, 5, 5, Note("much " * 20 + "more"))
    first, *more = lines(row)
    assert first == "server → client".ljust(39) + "NOTE " + ("much " * 11).rstrip()
    assert more == [" " * 39 + "much " * 9 + "more"]
    assert lines(Row(Role.SERVER, 5, 8, Ignored("why")))[0] == (
        "server → client           5..8      3  IGNORED why"
    )
    assert event_line(Incomplete("the end")) == "INCOMPLETE the end"
    cut = Row(Role.SERVER, 0, 4, TextMessage("He", False, False), None, 2, 1)
    assert lines(cut)[0].endswith('TextMessage "He" (fragment 1, cut short)')


def test_each_event_has_its_line() -> None:
    assert event_line(Ping()) == "Ping"
    assert event_line(Ping(b"\x00")) == "Ping 00"
    assert event_line(CloseConnection(1005)) == "CloseConnection without a code"
    assert event_line(CloseConnection(4000)) == "CloseConnection 4000"
    assert event_line(CloseConnection(1010, "why " * 30)).startswith(
        'CloseConnection 1010 MANDATORY_EXTENSION "why '
    )
    assert event_line(CloseConnection(1010, "why " * 30), width=80) == (
        'CloseConnection 1010 MANDATORY_EXTENSION | "why why why why why why why why why wh"…'
    )
    assert event_line(RejectConnection(299)) == "RejectConnection 299"
    assert event_line(RejectData(b"ab", True, True)) == 'RejectData "ab" (truncated)'
    accepted = AcceptConnection(None, (), {"Set-Cookie": "secret", "Server": "x"})
    assert event_line(accepted) == "AcceptConnection 101 Switching Protocols | Server: x"


def test_violations_say_what_they_mean() -> None:
    (violation, _) = rows(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nx")
    assert lines(violation)[0].endswith("VIOLATION at byte 28: method 'POST' instead of GET")
    assert lines(violation)[1].strip() == "RFC 6455 section 4.1, status 405 Method Not Allowed"


# JSON


def objects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *streams: bytes, status: int = 0
) -> list[dict[str, Any]]:
    names: list[str] = []
    for number, stream in enumerate(streams):
        file = tmp_path / str(number)
        file.write_bytes(stream)
        names.append(str(file))
    assert main(["decode", "--json", *names]) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_has_every_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, text, data, ping, close, left = objects(
        tmp_path,
        capsys,
        request(),
        response()
        + frame(Opcode.TEXT, "né".encode())
        + frame(Opcode.BINARY, b"\x00\xff", fin=False)
        + frame(Opcode.PING, b"?")
        + frame(Opcode.CLOSE, b"\x03\xe8bye")
        + b"x",
    )
    assert first["direction"] == "client-to-server"
    assert (first["start"], first["end"]) == (0, len(request()))
    assert (first["event"], first["method"], first["target"]) == ("Request", "GET", "/chat")
    assert ["Host", "example.com"] in first["headers"]
    assert (second["status"], second["subprotocol"]) == (101, None)
    start = len(response())
    assert text == {
        "direction": "server-to-client",
        "start": start,
        "end": start + 5,
        "event": "TextMessage",
        "data": "né",
        "frame_finished": True,
        "message_finished": True,
        "frame": {
            "opcode": "TEXT",
            "fin": True,
            "rsv1": False,
            "rsv2": False,
            "rsv3": False,
            "masked": False,
            "length": 3,
        },
    }
    assert (data["data_hex"], data["message_finished"]) == ("00ff", False)
    assert ping["payload_hex"] == "3f"
    assert (close["code"], close["reason"]) == (1000, "bye")
    assert (left["event"], left["message"]) == ("Ignored", "behind the Close frame")


def test_json_of_violations_and_rejections(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, violation, _ = objects(tmp_path, capsys, request(), response() + b"\x83\x00", status=1)
    assert violation["offset"] == len(response())
    assert violation["error"] == "FrameError"
    assert violation["section"] == "RFC 6455 section 5.2"
    assert violation["message"] == "opcode 0x3 is reserved"
    assert violation["close_code"] == 1002
    assert violation["frame"]["opcode"] == 3
    (malformed,) = objects(tmp_path, capsys, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", status=1)
    assert malformed["status"] == 400
    rejected, body = objects(tmp_path, capsys, b"HTTP/1.1 403 No\r\nContent-Length: 1\r\n\r\n!")
    assert rejected["status"] == 403
    assert (body["data_hex"], body["truncated"]) == ("21", False)


# Headers


@pytest.mark.parametrize(
    ("data", "length"),
    [
        ("", None),
        ("81", None),
        ("8185", None),
        ("81850000000", None),
        ("818500000000", 5),
        ("8105", 5),
        ("817e00", None),
        ("817e0100", 256),
        ("817f0000000000010000", 65536),
    ],
)
def test_header_is_parsed_once_it_is_complete(data: str, length: int | None) -> None:
    header = parse_header(bytes.fromhex(data[: len(data) & ~1]))
    assert (None if header is None else header.length) == length
