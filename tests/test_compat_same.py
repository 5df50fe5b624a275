"""compat does what wsproto does: the same calls give the same events, bytes, states, errors.

What differs is listed, each thing with its proof, in test_compat_differences.py; here it is
either kept out of the input, or `plain` takes it away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import h11
import pytest
from compat_api import OURS, THEIRS, answered, asked, asking, attempt, opened, take
from effort import examples
from expect import both_roles
from hypothesis import given
from hypothesis import strategies as st
from streams import dialogues, violations
from wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE_FIELD,
    FIN,
    PING,
    PONG,
    ROLES,
    TEXT,
    close_payload,
    cut,
    frame_to,
    head,
    read_frames,
    request,
)

from wsproto_core import Role

# A program that uses an open connection


class Program:
    """Does with each event what programs do, and writes down all that it can see."""

    def __init__(self, api: Any, ws: Any, nameless: tuple[int, ...]) -> None:
        self.api = api
        self.ws = ws
        self.nameless = nameless  # codes of failures whose reason is not looked at
        self.log: list[object] = []

    def feed(self, data: bytes | None) -> list[object]:
        if data is None or self.ws.state.name != "CLOSED":
            self.ws.receive_data(data)
        for event in self.ws.events():
            self.hear(event)
        return self.log

    def hear(self, event: Any) -> None:
        events = self.api.events
        if isinstance(event, events.CloseConnection):
            if event.code in self.nameless:
                event = events.CloseConnection(event.code)
            self.log.append((str(event), self.ws.state.name))
            self.send(event.response())
        elif not isinstance(event, events.Message):
            self.log.append((str(event), self.ws.state.name))
            if isinstance(event, events.Ping):
                self.send(event.response())
        elif event.data or event.frame_finished:  # but for a piece of a character
            self.log.append((str(event), self.ws.state.name))
            self.send(type(event)(event.data, message_finished=event.message_finished))
            if event.data == "bye":
                self.send(events.CloseConnection(3000, "bye"))

    def send(self, event: Any) -> None:
        state = self.ws.state.name
        if isinstance(event, self.api.events.Pong) and state == "LOCAL_CLOSING":
            return  # wsproto refuses to
        data = attempt(self.ws.send, event)
        sent = read_frames(data) if isinstance(data, bytes) else data
        self.log.append((state, sent, self.ws.state.name))


# For text that is not UTF-8 the two have different words.
UNTOLD = (1007,)


def watch(
    api: Any, role: Role, pieces: Iterable[bytes | None], nameless: tuple[int, ...] = UNTOLD
) -> list[object]:
    """What a program sees of an open connection on which these pieces arrive."""
    program = Program(api, opened(api, role), nameless)
    for piece in pieces:
        program.feed(piece)
    return program.log


STREAMS = [
    pytest.param(role, stream, id=f"{role.value}: {name}")
    for role in ROLES
    for name, stream in [*dialogues(role), *violations(role)]
    if name != "surrogate"
]


@pytest.mark.parametrize("size", [None, 1, 3])
@pytest.mark.parametrize(("role", "stream"), STREAMS)
def test_a_stream_gives_the_same(role: Role, stream: bytes, size: int | None) -> None:
    before = frame_to(role, FIN | TEXT, b"first")
    behind = frame_to(role, FIN | PING, b"behind") + frame_to(role, FIN | TEXT, b"behind")
    pieces = [*cut(before + stream + behind, size), None, None]
    assert watch(OURS, role, pieces) == watch(THEIRS, role, pieces)


CONTROL = st.one_of(
    st.tuples(st.sampled_from([FIN | PING, FIN | PONG]), st.binary(max_size=125)),
    st.tuples(
        st.just(FIN | CLOSE),
        st.one_of(
            st.builds(
                close_payload,
                st.integers(990, 5010).filter(lambda code: code != 1014),
                st.text(max_size=40),
            ),
            st.binary(max_size=1),
        ),
    ),
)


@st.composite
def messages(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """The frames of a message, and control frames between them."""
    text = draw(st.booleans())
    data = draw(st.text(max_size=60)).encode() if text else draw(st.binary(max_size=200))
    borders = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    parts = [data[a:b] for a, b in zip([0, *borders], [*borders, len(data)], strict=True)]
    frames: list[tuple[int, bytes]] = []
    for number, part in enumerate(parts):
        opcode = CONTINUATION if number else TEXT if text else BINARY
        frames.append((opcode | (FIN if number == len(parts) - 1 else 0), part))
        frames.extend(draw(st.lists(CONTROL, max_size=1)))
    return frames


# Without the byte that begins a surrogate: Python's decoder waits for a third one.
WRONG = st.tuples(
    st.integers(0, 255), st.binary(max_size=130).filter(lambda payload: 0xED not in payload)
)


@st.composite
def streams(draw: st.DrawFn, role: Role) -> list[bytes | None]:
    """What a peer may send: messages, at last perhaps any frame; cut anywhere."""
    frames = [frame for message in draw(st.lists(messages(), max_size=4)) for frame in message]
    frames += draw(st.lists(WRONG, max_size=1))
    stream = b"".join(frame_to(role, first, payload) for first, payload in frames)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    return [*pieces, *draw(st.sampled_from([[], [None], [None, None]]))]


@both_roles
@given(data=st.data())
@examples(150)
def test_any_stream_gives_the_same(role: Role, data: st.DataObject) -> None:
    pieces = data.draw(streams(role))
    # Of a frame that breaks two rules, each of the two may name another one.
    nameless = (1002, 1007)
    assert watch(OURS, role, pieces, nameless) == watch(THEIRS, role, pieces, nameless)


# What is sent


CLOSE_CODES = st.sampled_from([1000, 1001, 1003, 1005, 1006, 1011, 1014, 1015, 3000, 4999, None])
SENT: dict[str, st.SearchStrategy[tuple[Any, ...]]] = {
    "TextMessage": st.tuples(st.text(max_size=200), st.booleans(), st.booleans()),
    "BytesMessage": st.tuples(st.binary(max_size=200), st.booleans(), st.booleans()),
    "Message": st.tuples(st.one_of(st.text(), st.binary(), st.none(), st.integers())),
    "Ping": st.tuples(st.binary(max_size=125)),
    "Pong": st.tuples(st.binary(max_size=125)),
    "CloseConnection": st.one_of(
        st.tuples(CLOSE_CODES),
        st.tuples(CLOSE_CODES.filter(lambda code: code is not None), st.text(max_size=200)),
    ),
    "AcceptConnection": st.just(()),
    "RejectData": st.just((b"",)),
}


@both_roles
@given(
    calls=st.lists(
        st.sampled_from(sorted(SENT)).flatmap(lambda kind: st.tuples(st.just(kind), SENT[kind])),
        max_size=6,
    )
)
@examples(150)
def test_what_is_sent_is_the_same(role: Role, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
    def send(api: Any) -> Iterator[object]:
        ws = opened(api, role)
        for kind, fields in calls:
            data = attempt(ws.send, getattr(api.events, kind)(*fields))
            if ws.state.name == "LOCAL_CLOSING" and kind == "Pong":
                continue
            # For a binary piece inside a text, wsproto has a TypeError.
            yield read_frames(data) if isinstance(data, bytes) else "refused", ws.state.name

    assert list(send(OURS)) == list(send(THEIRS))


# Compressed


@both_roles
@given(
    texts=st.lists(
        st.text(min_size=64, max_size=2000).filter(lambda t: len(t.encode()) > 64), max_size=4
    ),
    takeover=st.booleans(),
    bits=st.integers(9, 15),
)
@examples(40)
def test_compressed_messages_are_the_same(
    role: Role, texts: list[str], takeover: bool, bits: int
) -> None:
    """Each understands the other, and both say the same."""
    answer = f"permessage-deflate; client_max_window_bits={bits}; server_max_window_bits={bits}"
    if not takeover:
        answer += "; client_no_context_takeover; server_no_context_takeover"

    def one(api: Any, role: Role) -> Any:
        extension = api.extensions.PerMessageDeflate()
        extension.finalize(answer)
        return api.Connection(api.ConnectionType[role.name], [extension])

    for sender, receiver in ((OURS, THEIRS), (THEIRS, OURS), (OURS, OURS)):
        source, sink = one(sender, role), one(receiver, role.peer)
        for text in texts:
            events = take(sink, source.send(sender.events.TextMessage(text)))
            assert "".join(event.data for event in events) == text
            assert [event.message_finished for event in events].index(True) == len(events) - 1


# The opening handshake

REQUESTS = [
    request(),
    request("Sec-WebSocket-Protocol: chat, superchat", "Sec-WebSocket-Protocol: third"),
    request(DEFLATE_FIELD + "; client_max_window_bits"),
    request(DEFLATE_FIELD + "; client_max_window_bits, x-other; a=1"),
    request("Cookie: a=1", "COOKIE: b=2", "X-Empty:"),
    request("Connection: keep-alive, Upgrade", without=["Connection"]),
    request("Upgrade: WebSocket", without=["Upgrade"]),
    request("Host: localhost:8000", without=["Host"], line="GET /a%20b?c=d HTTP/1.1"),
    request("Host: [::1]:80", without=["Host"]),
    *[request(without=[name]) for name in ("Upgrade", "Connection", "Sec-WebSocket-Key")],
    request(without=["Sec-WebSocket-Version"]),
    request("Sec-WebSocket-Version: 12", without=["Sec-WebSocket-Version"]),
    b"garbage\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
]


def describe(taken: Any) -> Any:
    return [str(event) for event in taken] if isinstance(taken, list) else taken


@pytest.mark.parametrize("number", range(len(REQUESTS)))
@pytest.mark.parametrize("size", [None, 1])
def test_a_request_gives_the_same(number: int, size: int | None) -> None:
    def seen(api: Any) -> list[object]:
        ws = api.WSConnection(api.ConnectionType.SERVER)
        log: list[object] = [ws.client, ws.state.name]
        log.extend(describe(take(ws, piece)) for piece in cut(REQUESTS[number], size))
        return [*log, ws.state.name]

    assert seen(OURS) == seen(THEIRS)


HANDED = [
    (b"Host", b"example.com"),
    (b"Connection", b"Upgrade"),
    (b"Upgrade", b"websocket"),
    (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"Sec-WebSocket-Version", b"13"),
    (b"X-Mine", b"1"),
]


@pytest.mark.parametrize("path", ["/chat?a=b", b"/chat"])
def test_a_request_that_was_parsed_elsewhere_gives_the_same(path: str | bytes) -> None:
    def seen(api: Any) -> object:
        ws = api.WSConnection(api.ConnectionType.SERVER)
        ws.initiate_upgrade_connection(HANDED, path)
        (event,) = ws.events()
        return describe([event]), ws.send(api.events.AcceptConnection()), ws.state.name

    assert seen(OURS) == seen(THEIRS)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"subprotocol": "chat"},
        {"subprotocol": "other"},
        {"extra_headers": [(b"X-Mine", b"1"), (b"x-mine", b"2")]},
    ],
)
def test_an_answer_is_the_same(fields: dict[str, Any]) -> None:
    def seen(api: Any) -> object:
        ws = asked(api, "Sec-WebSocket-Protocol: chat")
        accept = attempt(ws.send, api.events.AcceptConnection(**fields))
        return accept, ws.state.name, type(ws.connection).__name__

    assert seen(OURS) == seen(THEIRS)


def test_a_whole_conversation_in_one_loop_is_the_same() -> None:
    """The events behind the request go on in the loop that accepts it."""

    def seen(api: Any) -> list[object]:
        ws = api.WSConnection(api.ConnectionType.SERVER)
        ws.receive_data(request())
        log: list[object] = []
        for event in ws.events():
            log.append(str(event))
            if isinstance(event, api.events.Request):
                ws.send(api.events.AcceptConnection())
                ws.receive_data(frame_to(Role.SERVER, FIN | TEXT, b"first"))
        return [*log, ws.state.name]

    assert seen(OURS) == seen(THEIRS)
    assert len(seen(OURS)) == 3


@pytest.mark.parametrize("fields", [("body",), ("body", True), ("",), None])
@pytest.mark.parametrize("status", [200, 204, 304, 403, 599])
def test_a_rejection_says_the_same(status: int, fields: tuple[Any, ...] | None) -> None:
    """To whoever parses it; the bytes differ."""

    def seen(api: Any) -> object:
        ws = asked(api)
        has_body = fields is not None and not (status in (204, 304) and fields[0])
        headers = [(b"x-mine", b"1"), (b"connection", b"close")]
        sent = ws.send(api.events.RejectConnection(status, headers, has_body))
        states = [ws.state.name]
        if fields is not None and has_body:
            sent += ws.send(api.events.RejectData(fields[0].encode(), *fields[1:]))
        return [*states, ws.state.name, *parsed(sent)]

    assert seen(OURS)[-2:] == seen(THEIRS)[-2:]


def parsed(response: bytes) -> Iterator[object]:
    """What an HTTP client makes of a response behind which the connection is closed."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(response)
    client.receive_data(b"")
    head = client.next_event()
    assert isinstance(head, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    yield head.status_code, [value for name, value in head.headers if name == b"x-mine"]
    yield body


REQUESTED: list[dict[str, Any]] = [
    {"host": "example.com", "target": "/"},
    {"host": "localhost:8000", "target": "/a%20b?c=d"},
    {"host": "[::1]:80", "target": "/"},
    {"host": "example.com:443", "target": "/", "subprotocols": ["a", "b"]},
    {
        "host": "b\xfccher.example",
        "target": "/",
        "extra_headers": [(b"Origin", b"http://x"), ("X", "y")],
    },
]


@pytest.mark.parametrize("fields", REQUESTED, ids=lambda fields: fields["host"])
def test_what_a_client_sends_is_the_same(fields: dict[str, Any]) -> None:
    def sent(api: Any) -> bytes:
        ws = api.WSConnection(api.ConnectionType.CLIENT)
        data = ws.send(api.events.Request(**fields))
        return re.sub(rb"(Key: )[^\r]*", rb"\1", data)

    assert sent(OURS) == sent(THEIRS)


RESPONSES = [
    (),
    ("Sec-WebSocket-Protocol: chat", "X-Mine: 1", "Set-Cookie: a", "Set-Cookie: b"),
    ("Sec-WebSocket-Protocol: other",),
    (DEFLATE_FIELD,),
    (DEFLATE_FIELD + "; server_no_context_takeover; client_max_window_bits=10",),
    ("Sec-WebSocket-Extensions: x-other",),
]


@pytest.mark.parametrize("number", range(len(RESPONSES)))
def test_an_acceptance_is_received_the_same(number: int) -> None:
    def seen(api: Any) -> object:
        offered = [api.extensions.PerMessageDeflate()]
        ws, taken = answered(api, *RESPONSES[number], subprotocols=["chat"], extensions=offered)
        agreed = [event.extensions for event in taken] if isinstance(taken, list) else []
        same = agreed in ([], [[]]) or agreed[0][0] is offered[0]
        return describe(taken), same, offered[0].enabled(), ws.state.name

    assert seen(OURS) == seen(THEIRS)


@pytest.mark.parametrize(
    "response",
    [
        head("HTTP/1.1 404 Not Found", "Content-Length: 2", "X-Mine: 1") + b"no",
        head("HTTP/1.1 404 Not Found", "Content-Length: 0"),
        head("HTTP/1.1 302 Found", "Location: /x", "Transfer-Encoding: chunked")
        + b"2\r\nno\r\n0\r\n\r\n",
        head("HTTP/1.0 500 Oops") + b"until the end",
        head("HTTP/1.1 204 No Content"),
        head("HTTP/1.1 100 Continue"),
        head("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket"),
        b"HTTP/1.1 40",
    ],
)
def test_a_rejection_is_received_the_same(response: bytes) -> None:
    def seen(api: Any) -> Iterator[object]:
        ws, _ = asking(api)
        for data in (response, None):
            if ws.state.name != "CLOSED":
                taken = str(describe(take(ws, data)))
                yield re.sub(r"bytearray\((.*?)\)", r"\1", taken), ws.state.name

    assert list(seen(OURS)) == list(seen(THEIRS))
