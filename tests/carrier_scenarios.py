"""What may happen between a client and a server, whatever carries it.

Each scenario is a function: its name says what happens, its body does it. What must have
come of it is in the assertions, as far as that is the same on every carrier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from carriers import Carrier, Side, accept
from wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    RSV1,
    TEXT,
    close_payload,
    deflate,
    frame_from,
)

from wsproto_core import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    CloseSource,
    Event,
    HandshakeFailed,
    Limits,
    Message,
    PerMessageDeflate,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    Role,
    TextMessage,
)

LARGE = bytes(range(256)) * 4096  # 1 MiB
LOST = CloseConnection(1006, "", CloseSource.TRANSPORT)


class Scenario(NamedTuple):
    play: Callable[[Carrier], None]
    options: dict[str, Any]
    is_large: bool


SCENARIOS: dict[str, Scenario] = {}


def scenario(*, is_large: bool = False, **options: Any) -> Callable[[Any], Any]:
    """Register a scenario; `options` are those of the carrier."""

    def register(play: Callable[[Carrier], None]) -> Callable[[Carrier], None]:
        SCENARIOS[play.__name__] = Scenario(play, options, is_large)
        return play

    return register


def both(**options: Any) -> Callable[[Any], Any]:
    """Register a scenario twice: each side is once the one that does it."""

    def register(play: Callable[[Carrier, Side], None]) -> Callable[[Carrier, Side], None]:
        def of_client(carrier: Carrier) -> None:
            play(carrier, carrier.client)

        def of_server(carrier: Carrier) -> None:
            play(carrier, carrier.server)

        SCENARIOS[f"client_{play.__name__}"] = Scenario(of_client, {"server": options}, False)
        SCENARIOS[f"server_{play.__name__}"] = Scenario(of_server, {"client": options}, False)
        return play

    return register


def echo(ws: Any, event: Event) -> None:
    accept(ws, event)
    if isinstance(event, Message):
        ws.send(event)


def closed(code: int, reason: str = "") -> CloseConnection:
    return CloseConnection(code, reason, CloseSource.PEER)


def role(side: Side) -> Role:
    connection_role: Role = side.ws.role
    return connection_role


# The opening handshake


@scenario()
def nothing_but_the_handshake(c: Carrier) -> None:
    c.run()
    assert isinstance(c.client.events[0], AcceptConnection)


@scenario(client={"subprotocols": ["v1", "v2"]}, server={"subprotocols": ["v2", "v3"]})
def a_subprotocol_is_chosen(c: Carrier) -> None:
    c.run()
    assert c.client.ws.subprotocol == c.server.ws.subprotocol == "v2"


@scenario(client={"subprotocols": ["v1"]}, server={"subprotocols": ["v2"]})
def no_subprotocol_is_common(c: Carrier) -> None:
    c.run()
    assert c.client.ws.subprotocol is None


@scenario(
    uri="wss://al:s3cret@example.com:8443/chat?room=1",
    client={
        "extra_headers": [("X-One", "1"), ("Cookie", "a=b"), ("X-One", "2, 3")],
        "user_agent": "test/1",
        "origin": "https://example.com",
    },
    server={"extra_headers": [("X-Server", "yes")], "server": "test/2"},
)
def fields_of_both_sides(c: Carrier) -> None:
    def answer(ws: Any, event: Event) -> None:
        if isinstance(event, Request):
            ws.accept(headers=[("Set-Cookie", "c=d"), ("Set-Cookie", "e=f")])

    c.server.react = answer
    c.run()
    (request,) = c.server.events
    assert isinstance(request, Request)
    assert request.headers.get_all("X-One") == ("1", "2, 3")
    assert request.headers["Authorization"] == "Basic YWw6czNjcmV0"
    assert (request.host, request.path, request.query) == ("example.com:8443", "/chat", "room=1")
    assert c.client.ws.response.headers.get_all("Set-Cookie") == ("c=d", "e=f")
    assert c.client.ws.response.headers["Server"] == "test/2"


@scenario(client={"origin": "https://evil.example"}, server={"origins": ["https://example.com"]})
def an_origin_is_refused(c: Carrier) -> None:
    c.run()
    (failed,) = c.server.events
    assert isinstance(failed, HandshakeFailed)
    rejected, body = c.client.events
    assert isinstance(rejected, RejectConnection)
    assert rejected.status_code == 403
    assert isinstance(body, RejectData)
    assert b"rigin" in body.data


@scenario(server={"hosts": ["other.example"]})
def a_host_is_refused(c: Carrier) -> None:
    c.run()
    assert isinstance(c.server.events[0], HandshakeFailed)


def rejecting(*answers: Event) -> Callable[[Any, Event], None]:
    def answer(ws: Any, event: Event) -> None:
        if isinstance(event, Request):
            for each in answers:
                ws.send(each)

    return answer


@scenario()
def a_rejection_without_a_body(c: Carrier) -> None:
    c.server.react = rejecting(RejectConnection(401, [("WWW-Authenticate", "Basic")]))
    c.run()
    (rejected,) = c.client.events
    assert isinstance(rejected, RejectConnection)
    assert rejected.status_code == 401


@scenario()
def a_rejection_with_a_body_in_pieces(c: Carrier) -> None:
    c.server.react = rejecting(
        RejectConnection(404, [("Content-Length", "7")], True),
        RejectData(b"not ", False),
        RejectData(b"now"),
    )
    c.run()
    assert c.client.events[1:] == [RejectData(b"not now")]


@scenario()
def a_rejection_of_any_length(c: Carrier) -> None:
    pieces = RejectData(b"not ", False), RejectData(b"now")
    c.server.react = rejecting(RejectConnection(404, (), True), *pieces)
    c.run()
    assert c.client.events[1:] == [RejectData(b"not now")]


@scenario()
def a_reset_in_the_body_of_a_rejection(c: Carrier) -> None:
    c.server.react = rejecting(RejectConnection(404, (), True), RejectData(b"not ", False))
    c.reset(c.server)
    assert c.client.events[1:] == [RejectData(b"not ", truncated=True)]


@scenario()
def a_redirect(c: Carrier) -> None:
    c.server.react = rejecting(RejectConnection(307, [("Location", "/elsewhere")]))
    c.run()
    assert c.client.ws.response.headers["Location"] == "/elsewhere"


@scenario()
def a_reset_instead_of_an_answer(c: Carrier) -> None:
    c.server.react = lambda ws, event: None
    c.reset(c.server)
    assert isinstance(c.client.events[0], HandshakeFailed)


@scenario()
def a_client_that_gives_up_before_the_answer(c: Carrier) -> None:
    c.server.react = lambda ws, event: None
    c.reset(c.client)
    assert [type(event) for event in c.server.events] == [Request, HandshakeFailed]


@scenario()
def frames_ahead_of_the_answer_wait_for_it(c: Carrier) -> None:
    c.server.react = lambda ws, event: None
    c.raw(c.client, frame_from(Role.CLIENT, FIN | TEXT, b"early"))
    c.raw(c.client, frame_from(Role.CLIENT, FIN | PING, b"bird"))
    assert [type(event) for event in c.server.events] == [Request]
    c.server.ws.accept()
    c.run()
    c.server.take()
    c.run()
    assert c.server.events[1:] == [TextMessage("early"), Ping(b"bird")]
    assert c.client.events[1:] == [Pong(b"bird")]


@scenario(server={"limits": Limits(max_early_data=4)})
def too_much_ahead_of_the_answer(c: Carrier) -> None:
    c.server.react = lambda ws, event: None
    c.raw(c.client, frame_from(Role.CLIENT, FIN | TEXT, b"early"))
    assert isinstance(c.server.events[1], HandshakeFailed)
    assert isinstance(c.client.events[0], RejectConnection)


# Messages


@scenario()
def messages_are_echoed(c: Carrier) -> None:
    c.server.react = echo
    c.run()
    sent: list[Event] = [
        TextMessage("hello"),
        BytesMessage(b"\0\xff"),
        TextMessage(""),
        TextMessage("na\u00efve \U0001f600"),
    ]
    for event in sent:
        c.client.ws.send(event)
    c.run()
    assert c.server.events[1:] == c.client.events[1:] == sent


@both()
def sends_fragments_with_pings_between(c: Carrier, side: Side) -> None:
    c.run()
    ws = side.ws
    ws.send_text("na", message_finished=False)
    ws.ping(b"p")
    ws.send_text("", message_finished=False)
    ws.send_text("\u00efve")
    ws.send_bytes(b"one", message_finished=False)
    c.run()
    ws.send_bytes(b"two")
    c.run()
    expected = [Ping(b"p"), TextMessage("na\u00efve"), BytesMessage(b"onetwo")]
    assert side.peer.events[1:] == expected
    assert side.events[1:] == [Pong(b"p")]


@both()
def cuts_a_character_between_fragments(c: Carrier, side: Side) -> None:
    text = "\U0001f600".encode()
    c.run()
    c.raw(side, frame_from(role(side), TEXT, text[:1]))
    c.raw(side, frame_from(role(side), CONTINUATION, text[1:3]))
    c.raw(side, frame_from(role(side), FIN | CONTINUATION, text[3:]))
    assert side.peer.events[1:] == [TextMessage("\U0001f600")]


@both()
def pings_in_a_row(c: Carrier, side: Side) -> None:
    c.run()
    for number in range(10):
        side.ws.ping(bytes([number]))
    c.run()
    assert side.events[1:] == [Pong(bytes([number])) for number in range(10)]


@both()
def sends_an_unasked_pong(c: Carrier, side: Side) -> None:
    c.run()
    side.ws.send(Pong(b"here"))
    c.run()
    assert side.peer.events[1:] == [Pong(b"here")]


@scenario(
    client={"extensions": [PerMessageDeflate()]}, server={"extensions": [PerMessageDeflate()]}
)
def messages_are_compressed(c: Carrier) -> None:
    c.server.react = echo
    c.run()
    assert [each.name for each in c.client.ws.extensions] == ["permessage-deflate"]
    for compress in (True, False, True):
        c.client.ws.send_text("again and " * 20, compress=compress)
    c.client.ws.send_bytes(b"x" * 100, message_finished=False, compress=True)
    c.client.ws.ping(b"between")
    c.client.ws.send_bytes(b"y" * 100)
    c.run()
    assert c.client.events[1:4] == [TextMessage("again and " * 20)] * 3
    assert BytesMessage(b"x" * 100 + b"y" * 100) in c.client.events


@scenario(client={"extensions": [PerMessageDeflate()]})
def compression_is_declined(c: Carrier) -> None:
    c.run()
    assert c.client.ws.extensions == ()
    c.raw(c.client, frame_from(Role.CLIENT, FIN | RSV1 | TEXT, deflate(b"x")))
    assert c.server.ws.close_code == 1002


@scenario(is_large=True)
def a_mebibyte_both_ways(c: Carrier) -> None:
    c.server.react = echo
    c.run()
    c.client.ws.send_bytes(LARGE)
    c.run()
    assert c.client.events[1:] == c.server.events[1:] == [BytesMessage(LARGE)]


# The closing handshake


@both()
def closes_with_a_reason(c: Carrier, side: Side) -> None:
    c.run()
    side.ws.send_text("last words")
    side.ws.close(4001, "so \u00e7a")
    c.run()
    assert side.events[-1] == closed(4001, "so \u00e7a")
    assert side.peer.events[1:] == [TextMessage("last words"), closed(4001, "so \u00e7a")]


@both()
def closes_without_a_code(c: Carrier, side: Side) -> None:
    c.run()
    side.ws.close(None)
    c.run()
    assert side.events[-1] == side.peer.events[-1] == closed(1005)


@scenario()
def both_close_at_once(c: Carrier) -> None:
    c.run()
    c.client.ws.close(4001)
    c.server.ws.close(4002)
    c.run()
    assert (c.client.events[-1], c.server.events[-1]) == (closed(4002), closed(4001))


@scenario(server={"auto_close": False})
def a_close_is_answered_late(c: Carrier) -> None:
    c.run()
    c.client.ws.close(1001)
    c.run()
    assert c.client.events[1:] == []
    c.server.ws.close(4009)
    c.run()
    assert c.client.events[1:] == [closed(4009)]


@both()
def closes_in_a_message_of_the_peer(c: Carrier, side: Side) -> None:
    c.run()
    side.peer.ws.send_text("never", message_finished=False)
    side.ws.close(1001)
    c.run()
    assert side.events[1:] == [closed(1001)]


@both()
def sends_on_after_its_close(c: Carrier, side: Side) -> None:
    c.run()
    frames = [(FIN | CLOSE, close_payload(1000)), (FIN | TEXT, b"late"), (FIN | 0x3, b"")]
    c.raw(side, b"".join(frame_from(role(side), *frame) for frame in frames))
    assert side.peer.events[1:] == [closed(1000)]


@both(auto_close=False)
def is_pinged_after_its_close(c: Carrier, side: Side) -> None:
    c.run()
    side.ws.close(1000)
    c.raw(side.peer, frame_from(role(side.peer), FIN | PING, b"still?"))
    side.peer.ws.close(1000)
    c.run()
    assert side.events[1:] == [Ping(b"still?"), closed(1000)]
    assert side.peer.events[1:] == [closed(1000)]


# The peer does what it must not

VIOLATIONS: dict[str, tuple[int, int, bytes]] = {
    "a_reserved_opcode": (1002, FIN | 0x3, b"x"),
    "a_reserved_bit": (1002, FIN | RSV1 | TEXT, b"x"),
    "a_continuation_of_nothing": (1002, FIN | CONTINUATION, b"x"),
    "a_ping_in_fragments": (1002, PING, b"x"),
    "a_close_of_one_byte": (1002, FIN | CLOSE, b"\x03"),
    "a_close_code_that_is_none": (1002, FIN | CLOSE, close_payload(999)),
    "text_that_is_none": (1007, FIN | TEXT, b"ab\xff"),
    "a_character_too_large": (1007, TEXT, b"\xf4\x90"),
    "a_reason_that_is_no_text": (1007, FIN | CLOSE, close_payload(1000, b"\xff")),
    "a_message_over_the_limit": (1009, FIN | BINARY, bytes(101)),
}


def violation(code: int, first: int, payload: bytes) -> Callable[[Carrier, Side], None]:
    def sends(c: Carrier, side: Side) -> None:
        c.run()
        behind = frame_from(role(side), FIN | TEXT, b"late")
        c.raw(side, frame_from(role(side), first, payload) + behind)
        failed = side.peer.events[1]
        assert isinstance(failed, CloseConnection)
        assert (failed.code, failed.source) == (code, CloseSource.LOCAL)
        assert side.events[1:] == [closed(code, failed.reason)]

    return sends


for _name, _violation in VIOLATIONS.items():
    _sends = violation(*_violation)
    _sends.__name__ = f"sends_{_name}"
    both(limits=Limits(max_message_size=100))(_sends)


@scenario(server={"limits": Limits(max_fragments=3)})
def too_many_fragments(c: Carrier) -> None:
    c.run()
    for _ in range(4):
        c.client.ws.send_text("", message_finished=False)
    c.run()
    assert c.server.ws.close_code == c.client.ws.close_code == 1008


# The transport ends


@both()
def vanishes_in_a_message(c: Carrier, side: Side) -> None:
    c.run()
    c.raw(side, frame_from(role(side), FIN | BINARY, b"half a message")[:-3])
    c.end(side)
    assert side.peer.events[1:] == [LOST]
    assert side.events[1:] == [LOST]


@both()
def vanishes_between_messages(c: Carrier, side: Side) -> None:
    c.run()
    side.ws.send_text("whole")
    c.end(side)
    assert side.peer.events[1:] == [TextMessage("whole"), LOST]


@both()
def resets_in_a_message(c: Carrier, side: Side) -> None:
    c.run()
    c.raw(side, frame_from(role(side), FIN | BINARY, b"half a message")[:-3])
    c.reset(side)
    assert side.peer.events[1:] == side.events[1:] == [LOST]


@both(auto_close=False)
def resets_after_its_close(c: Carrier, side: Side) -> None:
    c.run()
    side.ws.close(1001)
    c.reset(side)
    assert side.events[1:] == [LOST]
    assert side.peer.events[1:] == [closed(1001)]
