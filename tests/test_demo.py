"""The demo, to the letter, and what becomes of it where less can be shown."""

from __future__ import annotations

import re

import pytest

from wsproto_core import __version__
from wsproto_core.__main__ import main

DEMO = """\
direction                bytes   size  event
client → server         0..322    322  Request GET /chat?room=7
                                       Host: example.com
                                       Sec-WebSocket-Key: Bw4VHCMqMTg/Rk1UW2JpcA==
                                       Sec-WebSocket-Version: 13
                                       Origin: https://example.com
                                       Sec-WebSocket-Protocol: chat
                                       Sec-WebSocket-Extensions: permessage-deflate;
                                         client_max_window_bits
                                       User-Agent: wsproto_core/VERSION
server → client         0..219    219  AcceptConnection 101 Switching Protocols
                                       Sec-WebSocket-Accept: vsT0/Orw7opTKLILsCTfURRkHHQ=
                                       Sec-WebSocket-Protocol: chat
                                       Sec-WebSocket-Extensions: permessage-deflate
                                       Server: demo
client → server       322..342     20  TextMessage "Hello, server!"
server → client       219..258     39  TextMessage "Hello, client! Grüße, привет!"
client → server       342..356     14  BytesMessage e0 e1 e2 e3 e4 e5 e6 e7 (fragment 1)
client → server       356..378     22  BytesMessage e8 e9 ea eb ec ed ee ef f0 f1 f2 … (fragment 2)
server → client       258..272     14  Ping "still there?"
client → server       378..396     18  Pong "still there?"
client → server       396..410     14  BytesMessage f8 f9 fa fb fc fd fe ff (fragment 3, last)
server → client       272..291     19  TextMessage "A rose is a rose is a rose"… (inflated 17 → 300)
client → server       410..433     23  TextMessage "A rose is a rose is a rose"… (inflated 17 → 300)
client → server       433..447     14  TextMessage "A rose is a rose is a rose "… (inflated 8 → 300)
client → server       447..467     20  CloseConnection 1000 NORMAL_CLOSURE "that was all"
server → client       291..307     16  CloseConnection 1000 NORMAL_CLOSURE "that was all"

client  467 bytes, 8 frames, closed with 1000
server  307 bytes, 4 frames, closed with 1000
""".replace("VERSION", __version__)


def show(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["demo", *options]) == 0
    return capsys.readouterr().out


def test_demo_is_always_the_same_to_the_letter(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(capsys) == DEMO
    assert show(capsys) == DEMO


@pytest.mark.parametrize("width", [80, 100, 140])
def test_demo_fits_the_width(capsys: pytest.CaptureFixture[str], width: int) -> None:
    lines = show(capsys, "--width", str(width)).splitlines()
    assert len(lines) >= len(DEMO.splitlines()) - 1
    assert max(map(len, lines)) <= width


def test_narrow_table_puts_remarks_on_a_line_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = show(capsys, "--width", "80").splitlines()
    assert " " * 39 + "(inflated 8 → 300)" in lines


def test_colours_add_escape_sequences_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    coloured = show(capsys, "--color", "always")
    assert "\x1b[1;32mTextMessage\x1b[0m" in coloured
    assert "\x1b[36mclient → server" in coloured
    assert "\x1b[35mserver → client" in coloured
    plain = re.sub("\x1b\\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in plain.splitlines()] == DEMO.splitlines()
