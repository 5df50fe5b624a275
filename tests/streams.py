"""What peers send, right and wrong, to be cut in pieces or changed: and a user who answers."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    RESPONSE,
    ROLES,
    RSV1,
    RSV2,
    TEXT,
    close_payload,
    deflate,
    fixed_random,
    frame_to,
    head,
    header_to,
    new_client,
    request,
    response,
)

from wsproto_core import (
    CloseConnection,
    Connection,
    ConnectionState,
    Event,
    Limits,
    Message,
    PerMessageDeflate,
    Ping,
    RejectData,
    Request,
    Role,
    ServerConnection,
)


class User:
    """Takes events, and answers in a fixed way whatever adds up from them.

    Messages are echoed when they are complete, so that the answers are the same in both
    deliveries. What is said in `heard` is the same, too, however the input is cut.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.heard: list[object] = []
        self.parts: list[Any] = []
        self.body = b""

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            self.hear(event)

    def hear(self, event: Event) -> None:
        ws = self.connection
        if isinstance(event, Message):
            self.parts.append(event.data)
            assert event.frame_finished or not event.message_finished
            if not event.message_finished:
                return
            data = self.parts[0][:0].join(self.parts)
            self.parts = []
            self.heard.append((type(event), data, ws.bytes_parsed))
            if ws.state is ConnectionState.OPEN:
                if data == "bye":
                    ws.close(3000, "bye")
                else:
                    ws.send(type(event)(data[::-1]))  # type: ignore[arg-type]
            return
        if isinstance(event, RejectData):
            self.body += event.data
            if event.body_finished:
                self.heard.append((self.body, event.truncated))
            return
        self.heard.append((event, ws.bytes_parsed if ws.error is None else None))
        if isinstance(event, Request):
            self.answer(event)
        elif isinstance(event, Ping) and not event.payload:
            if ws.state is ConnectionState.OPEN:
                ws.ping(b"and you?")
        elif isinstance(event, CloseConnection) and ws.state is ConnectionState.REMOTE_CLOSING:
            ws.send(event.response())

    def answer(self, event: Request) -> None:
        server = self.connection
        assert isinstance(server, ServerConnection)
        if event.path == "/reject":
            server.reject(404, {"X-Reason": "none"}, b"not here")
        elif event.path != "/wait":
            server.accept()


class Scenario(NamedTuple):
    """A connection, what the peer sends it, and how the transport ends."""

    name: str
    make: Callable[..., Connection]
    stream: bytes
    end: str | None = None


# Frames


def f(role: Role, *frames: tuple[int, bytes]) -> bytes:
    return b"".join(frame_to(role, first, payload) for first, payload in frames)


def dialogues(role: Role) -> Iterator[tuple[str, bytes]]:
    """Valid streams, each with the name of what is special in it."""
    yield "empty messages", f(role, (FIN | TEXT, b""), (FIN | BINARY, b""), (FIN | TEXT, b""))
    for size in (125, 126, 127):
        yield f"{size} bytes", f(role, (FIN | BINARY, bytes(size)), (FIN | TEXT, b"x" * size))
    yield "text of all widths", f(role, (FIN | TEXT, "aé€\U0001f600".encode() * 3))
    yield (
        "fragments and pings",
        f(
            role,
            (TEXT, "aé€".encode()[:2]),
            (FIN | PING, b"1"),
            (CONTINUATION, "aé€".encode()[2:5]),
            (FIN | PING, b""),
            (FIN | PONG, b"unasked"),
            (CONTINUATION, b""),
            (FIN | CONTINUATION, "aé€".encode()[5:]),
            (FIN | TEXT, b"next"),
        ),
    )
    yield "many pings", f(role, *[(FIN | PING, b"%d" % number) for number in range(7)])
    yield "empty fragments", f(role, (BINARY, b""), (CONTINUATION, b""), (FIN | CONTINUATION, b""))
    yield (
        "close with reason",
        f(role, (FIN | TEXT, b"a"), (FIN | CLOSE, close_payload(4000, "é")), (FIN | TEXT, b"b")),
    )
    yield "empty close", f(role, (FIN | CLOSE, b""))
    yield "close in a message", f(role, (TEXT, b"never"), (FIN | CLOSE, close_payload(1001)))
    yield (
        "our close, then theirs",
        f(role, (FIN | TEXT, b"bye"), (FIN | TEXT, b"late"), (FIN | PING, b"1"))
        + f(role, (FIN | CLOSE, close_payload(3000, "bye")), (FIN | PING, b"2")),
    )
    yield "unfinished", f(role, (FIN | TEXT, b"whole"), (TEXT, b"half"), (CONTINUATION, b"x"))[:-1]


def violations(role: Role) -> Iterator[tuple[str, bytes]]:
    """What breaks a rule. Limits are those of SMALL."""
    wrong_mask = frame_to(role.peer, FIN | TEXT, b"x")
    yield "reserved opcode", f(role, (FIN | 0x3, b"x"))
    yield "reserved control opcode", f(role, (FIN | 0xB, b"x"))
    yield "RSV1", f(role, (FIN | RSV1 | PING, b"x"))
    yield "RSV2", f(role, (FIN | RSV2 | TEXT, b"x"))
    yield "wrong masking", wrong_mask
    yield "fragmented ping", f(role, (PING, b"x"))
    yield "long ping", header_to(role, FIN | PING, 126) + bytes(140)
    yield "nothing to continue", f(role, (FIN | CONTINUATION, b"x"))
    yield "message in a message", f(role, (TEXT, b"x"), (FIN | TEXT, b"y"))
    yield "5 in 16 bits", frame_to(role, FIN | TEXT, b"12345", 2)
    yield "300 in 64 bits", frame_to(role, FIN | TEXT, b"3" * 300, 8)
    yield "64-bit length", header_to(role, FIN | BINARY, 1 << 63) + b"x"
    yield "frame too long", f(role, (FIN | BINARY, bytes(SMALL.max_message_size or 0) + b"x"))
    yield "message too long", f(role, (BINARY, bytes(300)), (FIN | CONTINUATION, bytes(101)))
    yield "too many fragments", f(role, (TEXT, b"x"), *[(CONTINUATION, b"")] * 9)
    yield "bad text", f(role, (FIN | TEXT, b"good\xf4\x90\x80\x80bad"))
    yield "surrogate", f(role, (TEXT, b"\xed"), (CONTINUATION, b"\xa0"), (FIN | PING, b"1"))
    yield "bad text in fragments", f(role, (TEXT, b"ab\xce"), (FIN | PING, b""), (0, b"\xce"))
    yield "text cut short", f(role, (TEXT, b"ab\xe2"), (FIN | CONTINUATION, b"\x82"))
    yield "one-byte close", f(role, (FIN | CLOSE, b"\x03"))
    yield "bad close code", f(role, (FIN | CLOSE, close_payload(1005)))
    yield "bad close reason", f(role, (FIN | CLOSE, close_payload(1000, b"ok\xff")))


# So many pongs may wait that none gives way: which ones do depends on when output is taken.
SMALL = Limits(max_message_size=400, max_fragments=8, max_pending_pongs=1000)


def compressed_dialogues(role: Role, bits: int, takeover: bool) -> Iterator[tuple[str, bytes]]:
    """Streams of a peer that compresses with this window."""
    texts = [b"hello hello hello", b"hello again, hello hello", b"", b"hello" * 60]
    compressor = zlib.compressobj(6, zlib.DEFLATED, -bits)
    stream = b""
    for text in texts:
        if not takeover:
            compressor = zlib.compressobj(6, zlib.DEFLATED, -bits)
        data = (compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        half = len(data) // 2
        stream += f(role, (FIN | RSV1 | TEXT, data)) if half % 2 else b""
        if not half % 2:
            stream += f(role, (RSV1 | TEXT, data[:half]), (FIN | PING, b"1"), (CONTINUATION, b""))
            stream += f(role, (FIN | CONTINUATION, data[half:]))
        stream += f(role, (FIN | BINARY, b"plain"))
    yield "conversation", stream
    final = zlib.compressobj(6, zlib.DEFLATED, -bits)
    ended = final.compress(b"ended") + final.flush(zlib.Z_FINISH) + b"\x00"
    yield "BFINAL", f(role, (FIN | RSV1 | TEXT, ended), (FIN | RSV1 | TEXT, deflate(b"on", bits)))
    yield "exactly the limit", f(role, (FIN | RSV1 | TEXT, deflate(b"a" * 400, bits)))
    yield "over the limit", f(role, (FIN | RSV1 | TEXT, deflate(b"a" * 401, bits)))
    yield "bomb", f(role, (RSV1 | TEXT, deflate(bytes(100_000), bits)), (FIN | CONTINUATION, b""))
    yield "bad text", f(role, (FIN | RSV1 | TEXT, deflate(b"fine, then \xff not", bits)))
    yield "bad text, bomb", f(role, (FIN | RSV1 | TEXT, deflate(b"\xff" + bytes(999), bits)))
    yield "garbage", f(role, (FIN | RSV1 | BINARY, b"\xff" * 10), (FIN | TEXT, b"x"))
    yield "cut short", f(role, (FIN | RSV1 | BINARY, deflate(b"text " * 9, bits)[:-3]))
    yield "empty", f(role, (FIN | RSV1 | BINARY, b""))
    yield "RSV1 later", f(role, (RSV1 | TEXT, b""), (FIN | RSV1 | CONTINUATION, b""))


def scenarios_of_frames() -> Iterator[Scenario]:
    for role in ROLES:
        opening = f(role, (FIN | TEXT, b"first"))
        for name, stream in dialogues(role):
            for end in (None, "receive_eof"):
                yield Scenario(f"{role.value}: {name}, {end}", direct(role), stream, end)
            yield Scenario(
                f"{role.value}: {name}, own replies",
                direct(role, auto_close=False, auto_pong=False),
                stream,
                "receive_reset",
            )
        for name, stream in violations(role):
            behind = f(role, (FIN | PING, b"after"), (FIN | TEXT, b"after"))
            yield Scenario(
                f"{role.value}: {name}", direct(role, limits=SMALL), opening + stream + behind
            )
            yield Scenario(
                f"{role.value}: {name}, after our close",
                direct(role, limits=SMALL),
                f(role, (FIN | TEXT, b"bye")) + stream + behind,
                "receive_eof",
            )
        for bits, takeover in ((15, True), (15, False), (9, True)):
            extension = PerMessageDeflate(
                server_no_context_takeover=not takeover,
                client_no_context_takeover=not takeover,
                server_max_window_bits=bits,
                client_max_window_bits=bits,
                threshold=8,
            )
            for name, stream in compressed_dialogues(role, bits, takeover):
                yield Scenario(
                    f"{role.value}: deflate {bits} {takeover}: {name}",
                    direct(role, limits=SMALL, extensions=[extension]),
                    opening + stream + opening,
                )


def direct(role: Role, **options: Any) -> Callable[..., Connection]:
    def make(**more: Any) -> Connection:
        return Connection(role, random_bytes=fixed_random, **options, **more)

    return make


# Handshakes

SERVER_OPTIONS: dict[str, Any] = {
    "extensions": [PerMessageDeflate()],
    "subprotocols": ["chat"],
    "origins": ["https://example.com"],
    "allow_missing_origin": True,
    "limits": Limits(max_head_size=600, max_head_line=200, max_head_fields=12, max_early_data=50),
}


def server(**options: Any) -> Connection:
    return ServerConnection(**SERVER_OPTIONS, **options)


def client(**options: Any) -> Connection:
    return new_client(
        extensions=[PerMessageDeflate()],
        subprotocols=["chat"],
        limits=Limits(max_head_size=600, max_head_line=200, max_head_fields=12, max_reject_body=50),
        **options,
    )


def requests() -> Iterator[tuple[str, bytes]]:
    frames = f(Role.SERVER, (FIN | TEXT, b"early"), (FIN | PING, b"1"))
    everything = request(
        "Sec-WebSocket-Protocol: other, chat",
        "Sec-WebSocket-Extensions: x-unknown, permessage-deflate; client_max_window_bits",
        "Origin: https://example.com",
    )
    squeezed = f(Role.SERVER, (FIN | RSV1 | TEXT, deflate(b"squeezed")))
    yield "request", request()
    yield "request and frames", request() + frames
    yield "everything", everything + squeezed + frames
    yield "empty lines first", b"\r\n\r\n" + request() + frames
    yield "rejected", request(line="GET /reject HTTP/1.1") + frames
    yield "unanswered", request(line="GET /wait HTTP/1.1") + frames
    yield "too much early", request(line="GET /wait HTTP/1.1") + frames * 4
    yield "violation behind", request() + frames + b"\x83"
    yield "POST", request(line="POST / HTTP/1.1") + frames
    yield "HTTP/1.0", request(line="GET / HTTP/1.0")
    yield "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield "no request line", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\n\r\n\r\n"
    yield "bare LF", request().replace(b"\r\n", b"\n")
    yield "folded", request("X-A: b\r\n c")
    yield "no colon", request("nonsense")
    yield "no key", request(without=["Sec-WebSocket-Key"])
    yield "no host", request(without=["Host"])
    yield "old version", request("Sec-WebSocket-Version: 8", without=["Sec-WebSocket-Version"])
    yield "byte over 127", request("X-A: \xff")
    yield "body", request("Content-Length: 5") + b"hello"
    yield "other origin", request("Origin: https://evil.example")
    yield "long line", request("X-A: " + "x" * 200)
    yield "long head", request(*["X-A: " + "x" * 100] * 6)
    yield "many fields", request(*["A: b"] * 20)
    yield "cut short", request()[:-3]


def responses() -> Iterator[tuple[str, bytes]]:
    frames = f(Role.CLIENT, (FIN | TEXT, b"early"), (FIN | PING, b"1"))
    agreed = response(
        "Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Extensions: permessage-deflate"
    )
    squeezed = f(Role.CLIENT, (FIN | RSV1 | TEXT, deflate(b"squeezed")))
    interim = head("HTTP/1.1 100 Continue") + head("HTTP/1.1 103 Early Hints", "Link: </a>")
    yield "response", RESPONSE
    yield "response and frames", RESPONSE + frames
    yield "agreed", agreed + squeezed + frames
    yield "interim responses", interim + RESPONSE + frames
    yield "violation behind", RESPONSE + frames + b"\x83"
    no = "HTTP/1.1 404 Not Found"
    yield "no body", head(no, "Content-Length: 0") + b"behind"
    yield "body", head(no, "Content-Length: 9") + b"not there" + b"behind"
    yield "body cut short", head(no, "Content-Length: 9") + b"not"
    yield "body over the limit", head(no, "Content-Length: 90") + b"x" * 90
    yield "body to the end", head(no) + b"not there"
    chunked = head(no, "Transfer-Encoding: chunked")
    yield "chunked body", chunked + b"3\r\nnot\r\n6;x=y\r\n there\r\n0\r\nT: v\r\n\r\n" + b"behind"
    yield "chunked body broken", chunked + b"3\r\nnot\r\nzz\r\n"
    yield "redirect", head("HTTP/1.1 302 Found", "Location: /x", "Content-Length: 0")
    yield "204", head("HTTP/1.1 204 No Content") + frames
    yield "wrong accept", response("Sec-WebSocket-Accept: x", without=["Sec-WebSocket-Accept"])
    yield "no upgrade", response(without=["Upgrade"])
    yield "not offered", response("Sec-WebSocket-Protocol: other")
    yield "bad extension", response("Sec-WebSocket-Extensions: permessage-deflate; x=1")
    yield "body on 101", response("Content-Length: 3") + b"abc"
    yield "no status line", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"
    yield "HTTP/1.0", head("HTTP/1.0 101 Switching Protocols")
    yield "bare LF", RESPONSE.replace(b"\r\n", b"\n")
    yield "long line", response("X-A: " + "x" * 200)
    yield "long head", response(*["X-A: " + "x" * 100] * 6)
    yield "many fields", response(*["A: b"] * 20)
    yield "cut short", RESPONSE[:-3]


def scenarios_of_handshakes() -> Iterator[Scenario]:
    for end in (None, "receive_eof"):
        for name, stream in requests():
            yield Scenario(f"request: {name}, {end}", server, stream, end)
        for name, stream in responses():
            yield Scenario(f"response: {name}, {end}", client, stream, end)


SCENARIOS = [*scenarios_of_frames(), *scenarios_of_handshakes()]
