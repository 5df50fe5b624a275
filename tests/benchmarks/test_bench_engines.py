"""All engines must be given the same work, and must have done it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.util import find_spec

import echo
import engines
import pytest
from aiohttp._websocket import helpers, reader
from engines import floor, peer_websockets
from names import OURS
from traffic import KEY, REQUEST, compressed, continuation, cut, frame, json_messages

from wsproto_core import COMPILED, Connection, PerMessageDeflate, Request, Role, ServerConnection

TEXTS = ("a", "naïve ☃", "b" * 125, "c" * 126, "d" * 65_535, "e" * 65_536)


def received(role: Role, data: bytes, deflate: bool = False) -> list[str]:
    """The texts in what was sent to `role`."""
    extensions = [PerMessageDeflate()] if deflate else []
    connection = Connection(role, extensions=extensions)
    return [getattr(event, "data", "") for event in connection.receive_data(data)]


# What goes in


def test_frames_are_those_of_a_client_or_of_a_server() -> None:
    assert frame(b"Hi", False) == b"\x81\x02Hi"
    assert frame(b"Hi", True) == b"\x81\x82" + KEY + bytes([0x48 ^ KEY[0], 0x69 ^ KEY[1]])
    assert frame(b"H", False, fin=False) + continuation(b"i", False, fin=True) == (
        b"\x01\x01H\x80\x01i"
    )


def test_pieces_are_all_of_the_data() -> None:
    assert cut(b"abcde", 2) == [b"ab", b"cd", b"e"]


def test_json_messages_have_176_bytes_and_differ() -> None:
    texts = json_messages(1000)
    assert {len(text) for text in texts} == {176}
    assert len(set(texts)) == 1000


def test_compressed_messages_take_over_the_context() -> None:
    texts = json_messages(100)
    one_by_one = sum(len(compressed([text])) for text in texts)
    assert len(compressed(texts)) < one_by_one / 2
    assert received(Role.SERVER, compressed(texts), deflate=True) == texts


def test_the_request_is_one_that_asks_for_compression() -> None:
    (event,) = ServerConnection().receive_data(REQUEST)
    assert isinstance(event, Request)
    assert [name for name, _ in event.extensions] == ["permessage-deflate"]


# The engines


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", engines.RECEIVERS)
def test_receivers_find_each_message_and_its_text(name: str, role: Role) -> None:
    receive = engines.RECEIVERS[name](role, False)
    for text in TEXTS:
        data = frame(text.encode(), role is Role.SERVER)
        assert receive([data]) == (1, text)
        assert receive(cut(data * 3, 1000)) == (3, text)


@pytest.mark.parametrize("name", engines.RECEIVERS)
def test_receivers_inflate_with_the_context_of_earlier_messages(name: str) -> None:
    texts = json_messages(20)
    receive = engines.RECEIVERS[name](Role.SERVER, True)
    for _ in range(2):  # a benchmark gives them the same stream again and again
        assert receive(cut(compressed(texts), 100)) == (20, texts[-1])


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("senders", [engines.SENDERS, engines.EVENT_SENDERS])
def test_senders_send_the_same_messages(
    role: Role, senders: dict[str, engines.SenderMaker]
) -> None:
    outputs = {name: make(role, False)(TEXTS) for name, make in senders.items()}
    peer = Role.CLIENT if role is Role.SERVER else Role.SERVER
    for output in outputs.values():
        assert received(peer, output) == list(TEXTS)
    if role is Role.SERVER:  # without a random key they are the same to the byte
        assert len(set(outputs.values())) == 1


@pytest.mark.parametrize("name", engines.SENDERS)
def test_a_sender_gives_only_what_is_new(name: str) -> None:
    send = engines.SENDERS[name](Role.SERVER, False)
    assert send(["a"]) == b"\x81\x01a"
    assert send(["b"]) == b"\x81\x01b"


@pytest.mark.parametrize("name", engines.SENDERS)
def test_senders_compress_with_context_takeover(name: str) -> None:
    texts = json_messages(50)
    send = engines.SENDERS[name](Role.SERVER, True)
    first, second = send(texts[:25]), send(texts[25:])
    assert received(Role.CLIENT, first + second, deflate=True) == texts
    assert len(second) < 25 * 176 / 2


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(
    "make",
    [*engines.BROADCASTERS.values(), floor.broadcaster],
    ids=[*engines.BROADCASTERS, "floor"],
)
def test_broadcasters_send_each_message_on_each_connection(
    make: engines.BroadcasterMaker, deflate: bool
) -> None:
    send = make(3, deflate)
    streams = [b""] * 3
    texts = json_messages(4)
    for text in texts:
        sent: list[bytes] = []
        send(text, sent.append)
        assert len(sent) == 3
        streams = [stream + bytes(data) for stream, data in zip(streams, sent, strict=True)]
    for stream in streams:
        assert received(Role.CLIENT, stream, deflate) == texts
        assert (stream[0] == 0xC1) == deflate


@pytest.mark.parametrize("name", engines.MASKERS)
def test_maskers_agree_with_the_example_of_the_rfc(name: str) -> None:
    # RFC 6455 section 5.7.
    masked = engines.MASKERS[name](b"Hello", b"\x37\xfa\x21\x3d")
    assert bytes(masked) == b"\x7f\x9f\x4d\x51\x58"


@pytest.mark.parametrize("name", engines.MASKERS)
def test_maskers_leave_their_argument_as_it_was(name: str) -> None:
    payload = b"Hello"
    engines.MASKERS[name](payload, KEY)
    assert payload == b"Hello"


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("name", engines.OPENERS)
def test_openers_accept_a_browser(name: str, deflate: bool) -> None:
    _, response = engines.OPENERS[name](deflate)(REQUEST)
    assert response.startswith(b"HTTP/1.1 101 ")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in response  # RFC 6455 section 1.3
    assert response.endswith(b"\r\n\r\n")
    assert (b"permessage-deflate" in response) == deflate


@pytest.mark.parametrize("name", engines.ECHOERS)
def test_echoers_send_back_what_they_get_in_order(name: str) -> None:
    echo_back = engines.ECHOERS[name]()
    assert echo_back(REQUEST).startswith(b"HTTP/1.1 101 ")
    one, other = frame(b"one", True), frame(b"other", True)
    assert echo_back(one + other[:3]) == frame(b"one", False)
    assert echo_back(other[3:]) == frame(b"other", False)


def test_every_engine_that_opens_connections_says_what_it_keeps_for_its_user() -> None:
    assert engines.KEPT_FOR_THE_CALLER.keys() == engines.OPENERS.keys()
    connection, _ = engines.OPENERS[OURS](False)(REQUEST)
    assert engines.KEPT_FOR_THE_CALLER[OURS](connection) == (
        connection.request,
        connection.response,
    )


# The floor


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("piece", [7, 100, 1000, 1 << 20])
def test_the_floor_finds_each_message_of_ascii_text(role: Role, piece: int) -> None:
    receive = floor.receiver(role, False)
    for text in filter(str.isascii, TEXTS):
        data = frame(text.encode(), role is Role.SERVER)
        assert receive(cut(data * 3, max(piece, len(data) // 100))) == (3, text)


@pytest.mark.parametrize("piece", [100, 1 << 20])
def test_the_floor_inflates(piece: int) -> None:
    texts = json_messages(20)
    receive = floor.receiver(Role.SERVER, True)
    for _ in range(2):
        assert receive(cut(compressed(texts), piece)) == (20, texts[-1])


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("make", [floor.sender] if COMPILED else [floor.sender, floor.event_sender])
def test_the_floor_sends_each_message(make: engines.SenderMaker, role: Role) -> None:
    send = make(role, False)
    for _ in range(2):
        assert received(role.peer, send(TEXTS)) == list(TEXTS)


def test_the_floor_answers_a_request_as_ours_does() -> None:
    mine, its = engines.OPENERS[OURS](True)(REQUEST)[1], floor.opener(True)(REQUEST)[1]
    assert set(its.split(b"\r\n")) == set(mine.split(b"\r\n"))


# What they are made of


def test_aiohttp_runs_with_its_compiled_parts() -> None:
    assert reader.WebSocketReader.__module__.endswith("reader_c")
    assert helpers.websocket_mask.__module__.endswith("_websocket.mask")


def test_aiohttp_without_its_compiled_parts_is_refused() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "import engines"],
        cwd=os.path.dirname(__file__),
        env={**os.environ, "AIOHTTP_NO_EXTENSIONS": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    assert result.returncode == 1
    assert "ImportError: aiohttp runs without its compiled parts" in result.stderr


def test_it_is_said_whether_websockets_masks_in_c() -> None:
    in_c = find_spec("websockets.speedups") is not None
    assert f"masking in {'C' if in_c else 'Python'}" in peer_websockets.VERSION


def test_every_engine_has_a_version() -> None:
    assert engines.VERSIONS.keys() == engines.RECEIVERS.keys()
    assert all(version[0].isdigit() for version in engines.VERSIONS.values())


# Servers


def test_a_server_that_answers_something_else_is_noticed() -> None:
    ours, its = socket.socketpair()
    with ours, its:
        its.sendall(b"pong" + b"pung")
        echo.exchange([ours], b"ping", b"pong")
        assert its.recv(4) == b"ping"
        with pytest.raises(RuntimeError, match="a server answered b'pung'"):
            echo.exchange([ours], b"ping", b"pong")


def test_a_server_that_refuses_the_handshake_is_noticed() -> None:
    ours, its = socket.socketpair()
    with ours, its:
        its.sendall(b"HTTP/1.1 400")
        its.shutdown(socket.SHUT_WR)
        with pytest.raises(RuntimeError, match="400' and no more"):
            echo.upgrade(ours)
