"""What a capture may be written as: raw bytes, hex text, or a dump of tshark's."""

from __future__ import annotations

import pytest
from captures import (
    captured,
    complaint,
    dump,
    frame,
    masked,
    request,
    response,
    rows,
    shown,
)
from hypothesis import given
from hypothesis import strategies as st

from wsproto_core import (
    Opcode,
)
from wsproto_core.cli.rows import (
    Ignored,
    Incomplete,
    Note,
    Violation,
)
from wsproto_core.codes import Role
from wsproto_core.events import (
    Ping,
    TextMessage,
)

# What a capture may be written as


@pytest.mark.parametrize("step", [0, 1, 2, 3, 7])
@pytest.mark.parametrize(
    "text",
    [
        b"818537fa213d7f9f4d5158",
        b"81 85 37 FA 21 3d 7f 9f 4d 51 58\n",
        b"\r\n\r\n81 85 37 fa\r\n21 3d 7f 9f\r\n4d 51 58\r\n",
        b"0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0X51, 0x58",
        b"0x818537fa 0x213d7f9f 0x4d5158",
        b"81:85:37:fa:21:3d:7f:9f:4d:51:58",
        b"81-85-37-fa-21-3d-7f-9f-4d-51-58",
        b"\xef\xbb\xbf81 85 37 fa 21 3d 7f 9f 4d 51 58",
        b"00000000: 8185 37fa 213d 7f9f  ..7.!=..\r\n00000008: 4d51 58             MQX",
        b"00000000: 81 85 37 fa 21 3d 7f 9f\n00000008: 4d 51 58\n",
        b"00000000  81 85 37 fa 21 3d 7f 9f  |..7.!=..|\n00000008  4d 51 58  |MQX|\n0000000b\n",
    ],
)
def test_text_forms_are_told_by_their_first_line(text: bytes, step: int) -> None:
    assert captured(text, step=step).hex() == "818537fa213d7f9f4d5158"


@given(st.binary(min_size=1, max_size=200), st.integers(1, 50), st.sampled_from(["", " ", "\r\n"]))
def test_any_bytes_come_back_from_hex(data: bytes, step: int, separator: str) -> None:
    text = separator.join(f"{each:02x}" for each in data).encode()
    assert captured(text, "hex", step) == data
    assert captured(data, "raw", step) == data


def test_raw_bytes_are_taken_as_they_are() -> None:
    data = b"\xef\xbb\xbf not hex \x81"
    assert captured(data) == data
    assert captured(data, step=1) == data
    assert captured(b"abcdef", "raw") == b"abcdef"
    assert captured(b"abcdefgh\n") == b"abcdefgh\n"


def test_first_line_is_looked_for_in_a_bounded_start() -> None:
    blank = b" " * 70_000
    assert captured(blank + b"x", step=35_000) == blank + b"x"
    assert captured(b"81" * 2000, step=600) == b"\x81" * 2000


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        (b"", "auto", "file: there are no bytes in it"),
        (b"", "raw", "file: there are no bytes in it"),
        (b"\n \n", "hex", "file: there are no bytes in it"),
        (b"81 05\n4", "auto", "file: the hex text ends in the middle of a byte"),
        (b"81 05\n\nhello", "auto", "file: line 3 is not hex text"),
        (b"GET /", "hex", "file: line 1 is not hex text"),
        (b"00000000: 8105\nhello\n", "auto", "file: line 2 is not hex text"),
        (b"00000000: 8105\n" + b"0" * 5000, "auto", "file: line 2 is not hex text"),
        (
            b"00000000  81 05  |..|\n*\n00000020\n",
            "auto",
            "file: line 2: '*' stands for lines that were left out (hexdump -v keeps them)",
        ),
    ],
)
def test_broken_text_is_told_in_one_line(text: bytes, form: str, message: str) -> None:
    assert complaint(text, form=form, sender=Role.SERVER, is_open=True) == message


# A dump of tshark's


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("step", [0, 1, 100])
@pytest.mark.parametrize("follow", ["tcp,raw", "tls,raw"])
def test_dump_has_both_directions_in_order(end: str, step: int, follow: str) -> None:
    found = rows(
        dump(
            request().hex(),
            "\t" + response().hex(),
            "\t" + frame(Opcode.PING, b"1").hex(),
            masked(Opcode.TEXT, b"Hello").hex(),
            end=end,
            follow=follow,
        ),
        step=step,
    )
    start, behind = len(request()), len(response())
    assert [(row.sender.value, row.start, row.end) for row in found] == [
        ("client", 0, start),
        ("server", 0, behind),
        ("server", behind, behind + 3),
        ("client", start, start + 11),
    ]
    assert [row.event for row in found[2:]] == [Ping(b"1"), TextMessage("Hello")]


def test_dump_with_a_line_longer_than_what_is_kept_of_it() -> None:
    payload = bytes(range(256)) * 1024
    found = rows(
        dump("\t" + frame(Opcode.BINARY, payload).hex(), "\t8900"), is_open=True, step=65_536
    )
    assert [(row.start, row.end, row.size) for row in found] == [
        (0, len(payload) + 10, len(payload)),
        (len(payload) + 10, len(payload) + 12, 0),
    ]


def test_roles_in_a_dump_are_told_by_the_first_bytes() -> None:
    opening = dump("\t" + request().hex(), response().hex())
    assert [row.sender for row in rows(opening)] == [Role.CLIENT, Role.SERVER]
    frames = dump(frame(Opcode.TEXT, b"x").hex(), "\t" + masked(Opcode.TEXT, b"x").hex())
    assert [row.sender for row in rows(frames, is_open=True)] == [Role.SERVER, Role.CLIENT]
    told = rows(frames, is_open=True, sender=Role.CLIENT)
    assert [type(row.event) for row in told if row.start == 0] == [Violation, Violation]
    # Where the bytes do not tell, Node 0 is the client: it is the one that connected.
    assert rows(dump("89"), is_open=True)[0].sender is Role.CLIENT


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (dump(), "file: there are no bytes in it"),
        (dump("81z5"), "file: line 7 is not hex text"),
        (dump("810"), "file: line 7 ends in the middle of a byte"),
        (dump("8900") + dump("8900"), "file: line 10: a second stream: decode one at a time"),
        (
            dump("8900", follow="tcp,ascii"),
            "file: a dump of 'tcp,ascii': only follow,tcp,raw and follow,tls,raw can be decoded",
        ),
    ],
)
def test_broken_dumps_are_told_in_one_line(data: bytes, message: str) -> None:
    if message.startswith("file: there"):
        assert complaint(data) == message
    else:
        assert complaint(data, is_open=True) == message


def test_bytes_missing_in_a_dump_end_that_direction() -> None:
    lost = b"[15 bytes missing in capture file]\0".hex()
    found = rows(
        dump(
            request().hex(),
            "\t" + response().hex(),
            masked(Opcode.TEXT, b"Hello")[:8].hex(),
            lost,
            lost,
            "00" * 5,
            "\t" + frame(Opcode.PING).hex(),
        )
    )
    start = len(request())
    assert [each for each in shown(found) if each[1] >= start and each[0] == "client"] == [
        ("client", start, start + 8, TextMessage("He", False, False)),
        (
            "client",
            start,
            start + 8,
            Incomplete("the stream ends inside a frame: 8 of its 11 bytes are there"),
        ),
        ("client", start + 8, start + 8, Note("15 bytes are missing in the capture")),
        (
            "client",
            start + 8,
            start + 13,
            Ignored("behind bytes that are missing in the capture"),
        ),
    ]
    assert Ping() in [row.event for row in found]


def test_bytes_missing_at_the_very_start_of_a_dump() -> None:
    found = rows(dump(b"[1 bytes missing in capture file]".hex(), "\t8900"), is_open=True)
    assert [row.event for row in found] == [Note("1 bytes are missing in the capture"), Ping()]
