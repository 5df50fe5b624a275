"""A connection: its states, its replies, its end, and what a caller may not do."""

from __future__ import annotations

import array
import mmap
import weakref
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from wire import (
    BINARY,
    CLOSE,
    FIN,
    PING,
    PONG,
    REQUEST,
    ROLES,
    RSV1,
    TEXT,
    close_payload,
    fixed_random,
    frame_from,
    frame_to,
    new_client,
    open_one,
    read_frames,
    receive,
    response,
)

from wsproto_core import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    CloseSource,
    Connection,
    ConnectionLost,
    ConnectionState,
    Event,
    HandshakeFailed,
    Limits,
    LocalProtocolError,
    MalformedHandshake,
    Message,
    PerMessageDeflate,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    Role,
    ServerConnection,
    TextMessage,
)
from wsproto_core.codes import SENDABLE_CLOSE_CODES
from wsproto_core.state import Action, next_state

each_role = pytest.mark.parametrize("role", ROLES)
State = ConnectionState


def connection(role: Role, **options: Any) -> Connection:
    return Connection(role, random_bytes=fixed_random, **options)


def frames_out(ws: Connection) -> list[tuple[int, bytes]]:
    """What waits to be sent, as (first byte, payload)."""
    frames = read_frames(ws.data_to_send())
    assert all(frame.masked is (ws.role is Role.CLIENT) for frame in frames)
    return [(frame.first, frame.payload) for frame in frames]


def events_after_eof(ws: Connection) -> list[Event]:
    return list(ws.receive_eof())


# Connections in every state


def connecting(role: Role, **options: Any) -> Connection:
    if role is Role.CLIENT:
        return new_client(**options)
    server = ServerConnection(**options)
    assert [type(event) for event in server.receive_data(REQUEST)] == [Request]
    return server


def opened(role: Role, **options: Any) -> Connection:
    return open_one(role, **options)


def local_closing(role: Role, **options: Any) -> Connection:
    ws = opened(role, **options)
    ws.close(1001, "away")
    ws.data_to_send()
    return ws


def remote_closing(role: Role, **options: Any) -> Connection:
    ws = opened(role, auto_close=False, **options)
    list(ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(4000, "bye"))))
    return ws


def closed(role: Role, **options: Any) -> Connection:
    ws = local_closing(role, **options)
    list(ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1001))))
    return ws


def rejecting(role: Role, **options: Any) -> Connection:
    if role is Role.SERVER:
        server = connecting(role, **options)
        server.send(RejectConnection(404, has_body=True))
        server.data_to_send()
        return server
    client = new_client(**options)
    list(client.receive_data(response("Content-Length: 10", line="HTTP/1.1 404 Not Found")))
    return client


MAKERS: dict[State, Callable[..., Connection]] = {
    State.CONNECTING: connecting,
    State.OPEN: opened,
    State.LOCAL_CLOSING: local_closing,
    State.REMOTE_CLOSING: remote_closing,
    State.CLOSED: closed,
    State.REJECTING: rejecting,
}

EVENTS: list[tuple[Event, Action | None]] = [
    (AcceptConnection(), Action.SEND_ACCEPT),
    (RejectConnection(404, has_body=True), Action.SEND_REJECT),
    (RejectData(b"no", body_finished=False), Action.SEND_REJECT_DATA),
    (TextMessage("text"), Action.SEND_MESSAGE),
    (TextMessage("text", message_finished=False), Action.SEND_MESSAGE),
    (BytesMessage(b"bytes"), Action.SEND_MESSAGE),
    (Ping(b"ping"), Action.SEND_PING),
    (Pong(b"pong"), Action.SEND_PONG),
    (CloseConnection(1000, "done"), Action.SEND_CLOSE),
    (CloseConnection(None), Action.SEND_CLOSE),
    (Request("example.com", "/"), None),
    (HandshakeFailed(MalformedHandshake("bad")), None),
]

each_state = pytest.mark.parametrize("state", State)
each_event = pytest.mark.parametrize(
    ("event", "action"), EVENTS, ids=[str(number) for number in range(len(EVENTS))]
)

ATTRIBUTES = (
    "state",
    "role",
    "request",
    "response",
    "subprotocol",
    "extensions",
    "close_code",
    "close_reason",
    "error",
    "pending_bytes",
    "finished",
    "send_eof",
    "bytes_parsed",
)


def snapshot(ws: Connection) -> dict[str, Any]:
    """Everything that a user can see without changing it."""
    return {name: getattr(ws, name) for name in ATTRIBUTES}


def with_output(state: State, role: Role) -> tuple[Connection, bytes]:
    """A connection in that state with output that waits, where it may have some."""
    ws = MAKERS[state](role)
    assert ws.state is state
    assert ws.pending_bytes == 0
    if next_state(role, state, Action.SEND_PONG) is not None:
        ws.send(Pong(b"waiting"))
        return ws, frame_from(role, FIN | PONG, b"waiting")
    return ws, b""


def test_the_snapshot_has_every_public_attribute() -> None:
    calls = {name for name in dir(Connection) if callable(getattr(Connection, name, None))}
    assert {name for name in dir(Connection) if name[0] != "_"} - calls == set(ATTRIBUTES)


# The state table times every event


@each_role
@each_state
@each_event
def test_every_event_in_every_state(
    role: Role, state: State, event: Event, action: Action | None
) -> None:
    ws, waiting = with_output(state, role)
    before = snapshot(ws)
    expected = None if action is None else next_state(role, state, action)
    if expected is not None:
        ws.send(event)
        assert ws.state is expected
        assert ws.pending_bytes > before["pending_bytes"]
        assert ws.data_to_send().startswith(waiting)
        return
    with pytest.raises(LocalProtocolError) as caught:
        ws.send(event)
    assert str(caught.value)
    assert snapshot(ws) == before
    assert ws.data_to_send() == waiting
    if action is not None:
        assert caught.value.state is state
        assert caught.value.close_code == ws.close_code
    # and the connection works on as it did
    assert list(ws.events()) == []
    check_goes_on(ws, state, role)


def check_goes_on(ws: Connection, state: State, role: Role) -> None:
    """What is allowed in `state` still works."""
    if state is State.OPEN:
        ws.send_text("on")
        assert frames_out(ws) == [(FIN | TEXT, b"on")]
    if state in (State.OPEN, State.LOCAL_CLOSING):
        assert receive(ws, frame_to(role, FIN | PING, b"p")) == [Ping(b"p")]
        assert frames_out(ws) == [(FIN | PONG, b"p")]
    if state is State.REMOTE_CLOSING:
        ws.close(4000)
        assert frames_out(ws) == [(FIN | CLOSE, close_payload(4000))]
    if state is State.CONNECTING and role is Role.SERVER:
        ws.send(AcceptConnection())
        assert ws.data_to_send().startswith(b"HTTP/1.1 101 ")
        assert ws.state is State.OPEN
    if state is State.REJECTING and role is Role.SERVER:
        ws.send(RejectData(b"no"))
        assert ws.data_to_send() == b"no"
        assert ws.state is State.CLOSED


@each_role
@each_state
def test_short_forms_are_refused_in_the_same_states(role: Role, state: State) -> None:
    calls: list[tuple[Action, Callable[[Connection], None]]] = [
        (Action.SEND_MESSAGE, lambda ws: ws.send_text("text")),
        (Action.SEND_MESSAGE, lambda ws: ws.send_bytes(b"bytes")),
        (Action.SEND_PING, lambda ws: ws.ping(b"ping")),
        (Action.SEND_CLOSE, lambda ws: ws.close()),
    ]
    for action, call in calls:
        ws, waiting = with_output(state, role)
        before = snapshot(ws)
        expected = next_state(role, state, action)
        if expected is not None:
            call(ws)
            assert ws.state is expected
            continue
        with pytest.raises(LocalProtocolError) as caught:
            call(ws)
        assert (caught.value.state, caught.value.close_code) == (state, ws.close_code)
        assert snapshot(ws) == before
        assert ws.data_to_send() == waiting


@each_role
def test_a_refusal_says_the_state_and_what_to_do_instead(role: Role) -> None:
    advice = {
        State.CONNECTING: "wait until the handshake is over",
        State.LOCAL_CLOSING: "only wait for the peer's",
        State.REMOTE_CLOSING: "only send CloseConnection",
        State.CLOSED: "make a new one",
        State.REJECTING: "only RejectData may follow",
    }
    for state, text in advice.items():
        with pytest.raises(LocalProtocolError, match=f"in state {state.name}: .*{text}"):
            MAKERS[state](role).send(TextMessage("x"))
    with pytest.raises(LocalProtocolError, match="the handshake is over, send messages"):
        opened(Role.SERVER).send(AcceptConnection())


def test_refusals_carry_the_close_code_where_there_is_one() -> None:
    codes = {State.LOCAL_CLOSING: 1001, State.REMOTE_CLOSING: 4000, State.CLOSED: 1001}
    for role, state in product(ROLES, State):
        if state is not State.OPEN:
            with pytest.raises(LocalProtocolError) as caught:
                MAKERS[state](role).send_text("x")
            assert caught.value.close_code == codes.get(state)


@pytest.mark.parametrize("event", [AcceptConnection(), RejectConnection(), RejectData(b"")])
def test_a_client_cannot_answer_a_request(event: Event) -> None:
    for state in State:
        with pytest.raises(LocalProtocolError, match="a client cannot send"):
            MAKERS[state](Role.CLIENT).send(event)


@pytest.mark.parametrize("event", [AcceptConnection(), RejectConnection()])
def test_a_server_cannot_answer_ahead_of_the_request(event: Event) -> None:
    server = ServerConnection()
    with pytest.raises(LocalProtocolError, match="wait for its event") as caught:
        server.send(event)
    assert caught.value.state is State.CONNECTING
    assert server.data_to_send() == b""
    # nor when its bytes are there but its event has not been taken
    server.receive_data(REQUEST)
    with pytest.raises(LocalProtocolError, match="wait for its event"):
        server.send(event)
    assert [type(each) for each in server.events()] == [Request]
    server.send(event)


# Wrong arguments


@each_role
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda ws: ws.send("text"), TypeError, "an event is wanted, not str"),
        (lambda ws: ws.send(None), TypeError, "an event is wanted, not NoneType"),
        (lambda ws: ws.send(Event()), TypeError, "an event is wanted, not Event"),
        (lambda ws: ws.send(TextMessage), TypeError, "an event is wanted, not type"),
        (lambda ws: ws.send_text(b"bytes"), TypeError, "text must be str, not bytes"),
        (lambda ws: ws.send(TextMessage(b"bytes")), TypeError, "text must be str, not bytes"),
        (lambda ws: ws.send_text("a\ud800"), LocalProtocolError, "surrogate at index 1"),
        (lambda ws: ws.send_bytes("text"), TypeError, "message must be bytes-like, not str"),
        (lambda ws: ws.send_bytes([1, 2]), TypeError, "bytes-like, not list"),
        (lambda ws: ws.send_bytes(5), TypeError, "bytes-like, not int"),
        (lambda ws: ws.send(BytesMessage("text")), TypeError, "bytes-like, not str"),
        (lambda ws: ws.ping(bytes(126)), LocalProtocolError, "126 bytes: a PING carries 125"),
        (lambda ws: ws.send(Pong(bytes(126))), LocalProtocolError, "a PONG carries 125"),
        (lambda ws: ws.ping([1]), TypeError, "a payload must be bytes-like, not list"),
        (lambda ws: ws.ping("text"), TypeError, "a payload must be bytes-like, not str"),
        (lambda ws: ws.ping(4), TypeError, "a payload must be bytes-like, not int"),
        (lambda ws: ws.close(999), LocalProtocolError, "close code 999 must not be sent"),
        (lambda ws: ws.close(1004), LocalProtocolError, "close code 1004"),
        (lambda ws: ws.close(1005), LocalProtocolError, "close code 1005"),
        (lambda ws: ws.close(1006), LocalProtocolError, "close code 1006"),
        (lambda ws: ws.close(1015), LocalProtocolError, "close code 1015"),
        (lambda ws: ws.close(70_000), LocalProtocolError, "close code 70000"),
        (lambda ws: ws.close(-1), LocalProtocolError, "close code -1"),
        (lambda ws: ws.close(True), LocalProtocolError, "close code True"),
        (lambda ws: ws.close("1000"), TypeError, "close code must be int or None, not str"),
        (lambda ws: ws.close(1000.0), TypeError, "close code must be int or None, not float"),
        (lambda ws: ws.close(1000, b"why"), TypeError, "close reason must be str, not bytes"),
        (lambda ws: ws.close(1000, None), TypeError, "close reason must be str, not NoneType"),
        (lambda ws: ws.close(1000, "x" * 124), LocalProtocolError, "more than 123 bytes"),
        (lambda ws: ws.close(1000, "é" * 62), LocalProtocolError, "more than 123 bytes"),
        (lambda ws: ws.close(1000, "ab\udfff"), LocalProtocolError, "surrogate at index 2"),
        (lambda ws: ws.close(None, "why"), LocalProtocolError, "needs a close code"),
        (lambda ws: ws.data_to_send(-1), ValueError, "max_bytes must not be negative"),
        (lambda ws: ws.receive_data("text"), TypeError, "data must be bytes-like, not str"),
        (lambda ws: ws.receive_data(None), TypeError, "data must be bytes-like, not NoneType"),
        (lambda ws: ws.receive_data(3), TypeError, "data must be bytes-like, not int"),
        (lambda ws: ws.receive_data([1]), TypeError, "data must be bytes-like, not list"),
    ],
)
def test_a_wrong_argument_changes_nothing(
    role: Role, call: Callable[[Any], None], error: type[Exception], message: str
) -> None:
    ws = opened(role)
    ws.ping(b"waiting")
    before = snapshot(ws)
    with pytest.raises(error, match=message) as caught:
        call(ws)
    assert type(caught.value) is error
    assert snapshot(ws) == before
    ws.send_text("on")
    assert frames_out(ws) == [(FIN | PING, b"waiting"), (FIN | TEXT, b"on")]


def test_a_refused_close_code_can_be_followed_by_a_valid_one() -> None:
    ws = connection(Role.CLIENT)
    with pytest.raises(LocalProtocolError):
        ws.close(1006)
    assert (ws.close_code, ws.close_reason) == (None, None)
    ws.close(1000, "x" * 123)
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1000, "x" * 123))]
    assert (ws.close_code, ws.close_reason) == (1000, "x" * 123)


@pytest.mark.parametrize("role", ["proxy", None, 1])
def test_a_role_that_does_not_exist_is_refused(role: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid Role"):
        Connection(role)


def test_a_delivery_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="delivery must be 'message' or 'chunk', not 'frame'"):
        Connection(Role.CLIENT, delivery="frame")  # type: ignore[arg-type]


@pytest.mark.parametrize("limits", [None, 5, {"max_fragments": 1}])
def test_limits_that_are_none_are_refused(limits: Any) -> None:
    with pytest.raises(TypeError, match=f"limits must be Limits, not {type(limits).__name__}"):
        Connection(Role.CLIENT, limits=limits)


def test_two_extensions_that_claim_one_bit_are_refused() -> None:
    with pytest.raises(LocalProtocolError, match="claim the same RSV bit"):
        Connection(Role.CLIENT, extensions=[PerMessageDeflate(), PerMessageDeflate()])


def test_a_connection_made_open_says_so() -> None:
    extension = PerMessageDeflate()
    ws = Connection(Role.SERVER, extensions=[extension], subprotocol="chat")
    assert (ws.state, ws.role) == (State.OPEN, Role.SERVER)
    assert (ws.extensions, ws.subprotocol) == ((extension,), "chat")
    assert (ws.request, ws.response, ws.error) == (None, None, None)
    assert (ws.close_code, ws.close_reason) == (None, None)
    assert not ws.finished
    assert not ws.send_eof
    assert (ws.pending_bytes, ws.bytes_parsed) == (0, 0)
    assert list(ws.events()) == []
    assert Connection(Role.CLIENT).subprotocol is None


# Events are pulled, and act in order


@each_role
def test_nothing_happens_before_an_event_is_taken(role: Role) -> None:
    ws = connection(role)
    close = frame_to(role, FIN | CLOSE, close_payload(1000))
    ws.receive_data(frame_to(role, FIN | PING, b"1") + close)
    assert (ws.pending_bytes, ws.state, ws.bytes_parsed) == (0, State.OPEN, 0)
    events = ws.events()
    assert next(events) == Ping(b"1")
    assert ws.state is State.OPEN
    assert frames_out(ws) == [(FIN | PONG, b"1")]
    assert next(events) == CloseConnection(1000, "", CloseSource.PEER)
    assert ws.state is State.CLOSED
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1000))]
    assert next(events, None) is None


@each_role
def test_events_that_were_not_taken_are_not_lost(role: Role) -> None:
    ws = connection(role)
    one, two, three = (frame_to(role, FIN | TEXT, text) for text in (b"1", b"2", b"3"))
    assert next(ws.receive_data(one + two)) == TextMessage("1")
    ws.receive_data(three[:2])
    ws.receive_data(b"")
    again = ws.receive_data(three[2:])
    assert [next(again), next(again)] == [TextMessage("2"), TextMessage("3")]
    assert list(ws.events()) == []
    for text in (b"4", b"5"):
        ws.receive_data(frame_to(role, FIN | TEXT, text))
    assert list(ws.receive_eof()) == [
        TextMessage("4"),
        TextMessage("5"),
        CloseConnection(1006, "", CloseSource.TRANSPORT),
    ]


@each_role
@pytest.mark.parametrize("size", [None, 1, 2])
@pytest.mark.parametrize(
    ("second", "answer"),
    [
        ((FIN | PING, b"p"), (FIN | PONG, b"p")),
        ((FIN | CLOSE, close_payload(1000, "b")), (FIN | CLOSE, close_payload(1000, "b"))),
        ((FIN | CLOSE, b""), (FIN | CLOSE, b"")),
        ((0x3, b""), (FIN | CLOSE, close_payload(1002, "opcode 0x3 is reserved"))),
    ],
)
def test_a_reply_to_a_message_leaves_ahead_of_what_the_next_frame_brings(
    role: Role, size: int | None, second: tuple[int, bytes], answer: tuple[int, bytes]
) -> None:
    ws = connection(role)
    stream = frame_to(role, FIN | TEXT, b"hello") + frame_to(role, *second)
    for piece in [stream] if size is None else [stream[i : i + size] for i in range(len(stream))]:
        for event in ws.receive_data(piece if size is None else piece[:1]):
            if isinstance(event, TextMessage):
                ws.send_text(event.data.upper())
    assert frames_out(ws) == [(FIN | TEXT, b"HELLO"), answer]


@each_role
def test_replies_leave_in_the_order_of_what_they_answer(role: Role) -> None:
    ws = connection(role)
    stream = b""
    for number in range(5):
        stream += frame_to(role, FIN | PING, b"p%d" % number)
        stream += frame_to(role, FIN | TEXT, b"t%d" % number)
    for event in ws.receive_data(stream):
        if isinstance(event, TextMessage):
            ws.send_text(event.data)
    assert frames_out(ws) == [
        (first, b"%c%d" % (letter, number))
        for number in range(5)
        for first, letter in ((FIN | PONG, b"p"), (FIN | TEXT, b"t"))
    ]


@each_role
def test_a_close_sent_between_two_events_holds_for_the_next(role: Role) -> None:
    ws = connection(role)
    stream = frame_to(role, FIN | TEXT, b"a") + frame_to(role, FIN | TEXT, b"b")
    stream += frame_to(role, FIN | PING, b"p") + frame_to(role, FIN | CLOSE, close_payload(1000))
    events = []
    for event in ws.receive_data(stream):
        events.append(event)
        if event == TextMessage("a"):
            ws.close(3000)
    assert events == [
        TextMessage("a"),
        TextMessage("b"),
        Ping(b"p"),
        CloseConnection(1000, "", CloseSource.PEER),
    ]
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(3000)), (FIN | PONG, b"p")]
    assert (ws.state, ws.close_code) == (State.CLOSED, 1000)


def test_the_connection_is_its_own_iterator() -> None:
    ws = connection(Role.CLIENT)
    assert iter(ws) is ws
    assert ws.receive_data(frame_to(Role.CLIENT, FIN | TEXT, b"x")) is ws.events()
    assert list(ws) == [TextMessage("x")]
    with pytest.raises(StopIteration):
        next(ws)


# Pings and pongs


@each_role
def test_every_ping_is_answered_in_order(role: Role) -> None:
    ws = connection(role)
    payloads = [b"", b"a", bytes(125), b"\xff\x00", b"last"]
    stream = b"".join(frame_to(role, FIN | PING, payload) for payload in payloads)
    assert receive(ws, stream) == [Ping(payload) for payload in payloads]
    assert frames_out(ws) == [(FIN | PONG, payload) for payload in payloads]


@each_role
def test_without_auto_pong_the_event_makes_the_answer(role: Role) -> None:
    ws = connection(role, auto_pong=False)
    for event in ws.receive_data(frame_to(role, FIN | PING, b"one") * 2):
        assert isinstance(event, Ping)
        assert ws.pending_bytes == 0
        ws.send(event.response())
        assert frames_out(ws) == [(FIN | PONG, b"one")]


@each_role
def test_heartbeats_of_the_greatest_length_can_be_sent(role: Role) -> None:
    ws = connection(role)
    ws.ping(bytes(125))
    ws.send(Pong(b"x" * 125))
    assert frames_out(ws) == [(FIN | PING, bytes(125)), (FIN | PONG, b"x" * 125)]


@each_role
def test_pongs_are_delivered_and_answered_by_nothing(role: Role) -> None:
    ws = connection(role)
    assert receive(ws, frame_to(role, FIN | PONG, b"unasked")) == [Pong(b"unasked")]
    assert ws.pending_bytes == 0


@each_role
@pytest.mark.parametrize("limit", [1, 16, 100])
def test_only_the_newest_pings_are_answered_past_the_limit(role: Role, limit: int) -> None:
    ws = connection(role, limits=Limits(max_pending_pongs=limit))
    ws.send_text("first")
    payloads = [b"%d" % number for number in range(3000)]
    stream = b"".join(frame_to(role, FIN | PING, payload) for payload in payloads)
    assert receive(ws, stream) == [Ping(payload) for payload in payloads]
    newest = [(FIN | PONG, payload) for payload in payloads[-limit:]]
    assert frames_out(ws) == [(FIN | TEXT, b"first"), *newest]


@each_role
def test_pongs_sent_by_the_caller_are_never_dropped(role: Role) -> None:
    ws = connection(role, limits=Limits(max_pending_pongs=1), auto_pong=False)
    for event in ws.receive_data(frame_to(role, FIN | PING, b"p") * 50):
        assert isinstance(event, Ping)
        ws.send(event.response())
    assert frames_out(ws) == [(FIN | PONG, b"p")] * 50


@each_role
def test_a_ping_is_answered_after_our_close(role: Role) -> None:
    ws = local_closing(role)
    assert receive(ws, frame_to(role, FIN | PING, b"still")) == [Ping(b"still")]
    assert frames_out(ws) == [(FIN | PONG, b"still")]
    assert ws.state is State.LOCAL_CLOSING


# The end


@each_role
@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (b"", 1005, ""),
        (close_payload(1000), 1000, ""),
        (close_payload(1014, "gone"), 1014, "gone"),
        (close_payload(4999, "é" * 61), 4999, "é" * 61),
    ],
)
def test_the_peers_close_is_answered_with_the_same(
    role: Role, payload: bytes, code: int, reason: str
) -> None:
    ws = opened(role)
    assert receive(ws, frame_to(role, FIN | CLOSE, payload)) == [
        CloseConnection(code, reason, CloseSource.PEER)
    ]
    assert frames_out(ws) == [(FIN | CLOSE, payload)]
    assert (ws.state, ws.close_code, ws.close_reason) == (State.CLOSED, code, reason)
    assert ws.error is None
    # RFC 6455 section 7.1.1: the server closes the transport first
    assert ws.finished is ws.send_eof is (role is Role.SERVER)
    assert events_after_eof(ws) == []
    assert ws.finished
    assert ws.send_eof


@each_role
def test_without_auto_close_the_event_makes_the_answer(role: Role) -> None:
    for payload in (b"", close_payload(1000), close_payload(3333, "why")):
        ws = opened(role, auto_close=False)
        (event,) = receive(ws, frame_to(role, FIN | CLOSE, payload))
        assert (ws.state, ws.pending_bytes, ws.finished) == (State.REMOTE_CLOSING, 0, False)
        assert isinstance(event, CloseConnection)
        code = ws.close_code
        ws.send(event.response())
        assert (ws.state, ws.close_code) == (State.CLOSED, code)
        assert frames_out(ws) == [(FIN | CLOSE, payload)]
        assert ws.finished is (role is Role.SERVER)


@each_role
def test_the_answer_to_a_close_may_be_another(role: Role) -> None:
    ws = remote_closing(role)
    ws.close(1001, "me too")
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1001, "me too"))]
    assert (ws.close_code, ws.close_reason) == (4000, "bye")


@each_role
def test_what_follows_the_peers_close_is_ignored(role: Role) -> None:
    stream = frame_to(role, FIN | TEXT, b"late") + frame_to(role, FIN | PING) + b"\xff\xff"
    for ws in (remote_closing(role), closed(role)):
        before = snapshot(ws)
        assert receive(ws, stream) == []
        assert snapshot(ws) == before
    ws = opened(role)
    close = frame_to(role, FIN | CLOSE, close_payload(1000))
    assert receive(ws, close + stream) == [CloseConnection(1000, "", CloseSource.PEER)]
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1000))]


@each_role
def test_our_close_is_answered_and_that_is_the_end(role: Role) -> None:
    ws = opened(role)
    ws.close(3000, "enough")
    assert (ws.state, ws.finished) == (State.LOCAL_CLOSING, False)
    assert (ws.close_code, ws.close_reason) == (3000, "enough")
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(3000, "enough"))]
    assert receive(ws, frame_to(role, FIN | TEXT, b"crossing")) == [TextMessage("crossing")]
    assert receive(ws, frame_to(role, FIN | CLOSE, close_payload(3000, "enough"))) == [
        CloseConnection(3000, "enough", CloseSource.PEER)
    ]
    assert (ws.state, ws.pending_bytes) == (State.CLOSED, 0)
    assert ws.finished is (role is Role.SERVER)


@each_role
def test_closes_that_cross_end_the_connection_once(role: Role) -> None:
    ws = opened(role)
    ws.close(1001)
    (event,) = receive(ws, frame_to(role, FIN | CLOSE, close_payload(4001, "mine")))
    assert event == CloseConnection(4001, "mine", CloseSource.PEER)
    assert (ws.close_code, ws.close_reason) == (4001, "mine")
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1001))]


@each_role
def test_an_empty_close_can_be_sent(role: Role) -> None:
    ws = opened(role)
    ws.close(None)
    assert frames_out(ws) == [(FIN | CLOSE, b"")]
    assert (ws.close_code, ws.close_reason) == (1005, "")


@each_role
def test_a_close_inside_a_fragmented_message_drops_the_message(role: Role) -> None:
    ws = opened(role)
    stream = frame_to(role, TEXT, b"never ") + frame_to(role, FIN | CLOSE, close_payload(1000))
    assert receive(ws, stream) == [CloseConnection(1000, "", CloseSource.PEER)]
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1000))]


@each_role
def test_every_close_code_that_may_be_sent(role: Role) -> None:
    ws = connection(role)
    for code in range(65536):
        if code in SENDABLE_CLOSE_CODES:
            one = connection(role)
            one.close(code)
            assert one.data_to_send() == frame_from(role, FIN | CLOSE, close_payload(code))
        else:
            with pytest.raises(LocalProtocolError):
                ws.close(code)
    assert snapshot(ws) == snapshot(connection(role))


@each_role
def test_every_close_code_that_may_be_received(role: Role) -> None:
    for code in range(65536):
        ws = connection(role)
        (event,) = ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(code)))
        assert isinstance(event, CloseConnection)
        if code in (*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)):
            assert event == CloseConnection(code, "", CloseSource.PEER)
        else:
            assert (event.code, event.source) == (1002, CloseSource.LOCAL)
            assert event.reason == f"close code {code} must not be sent"


@each_role
@pytest.mark.parametrize("payload", [b"\x03", close_payload(1000, b"\xff"), close_payload(1005)])
def test_a_malformed_close_fails_the_connection(role: Role, payload: bytes) -> None:
    ws = opened(role)
    (event,) = receive(ws, frame_to(role, FIN | CLOSE, payload))
    assert isinstance(event, CloseConnection)
    code = 1007 if len(payload) == 3 else 1002
    assert (event.code, event.source) == (code, CloseSource.LOCAL)
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(code, event.reason))]
    assert ws.finished


@each_role
@pytest.mark.parametrize("size", range(0, 124, 41))
def test_reasons_of_every_length_travel(role: Role, size: int) -> None:
    ws = connection(role)
    ws.close(1000, "r" * size)
    (event,) = receive(connection(role.peer), ws.data_to_send())
    assert event == CloseConnection(1000, "r" * size, CloseSource.PEER)


# Failure


@each_role
def test_a_violation_fails_the_connection_once(role: Role) -> None:
    ws = opened(role)
    stream = frame_to(role, FIN | 0x3, b"what") + frame_to(role, FIN | TEXT, b"late") + b"\xff" * 9
    (event,) = receive(ws, stream)
    reason = "opcode 0x3 is reserved"
    assert event == CloseConnection(1002, reason, CloseSource.LOCAL)
    assert (ws.state, ws.close_code, ws.close_reason) == (State.CLOSED, 1002, reason)
    assert (str(ws.error), ws.error and ws.error.section) == (reason, "RFC 6455 section 5.2")
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1002, reason))]
    assert ws.finished
    assert ws.send_eof
    assert receive(ws, stream) == []
    assert events_after_eof(ws) == []


@each_role
def test_a_violation_after_our_close_sends_no_second_one(role: Role) -> None:
    ws = local_closing(role)
    (event,) = receive(ws, frame_to(role, FIN | 0x3))
    assert event == CloseConnection(1002, "opcode 0x3 is reserved", CloseSource.LOCAL)
    assert (ws.pending_bytes, ws.state, ws.finished) == (0, State.CLOSED, True)
    assert ws.close_code == 1002


@each_role
def test_the_offset_counts_from_the_first_byte_of_the_handshake(role: Role) -> None:
    ws = opened(role)
    start = ws.bytes_parsed
    assert start == len(REQUEST if role is Role.SERVER else response())
    good = frame_to(role, FIN | TEXT, b"good")
    receive(ws, good + frame_to(role, FIN | TEXT, b"ba\xff"))
    assert ws.error is not None
    assert ws.error.offset == start + len(good) * 2 - 2
    direct = Connection(role)
    receive(direct, good + frame_to(role, FIN | TEXT, b"ba\xff"))
    assert direct.error is not None
    assert direct.error.offset == len(good) * 2 - 2


# The transport ends


@each_role
@each_state
@pytest.mark.parametrize("end", ["receive_eof", "receive_reset"])
def test_the_end_of_the_transport_in_every_state(role: Role, state: State, end: str) -> None:
    ws, waiting = with_output(state, role)
    code = ws.close_code
    events = list(getattr(ws, end)())
    if state is State.CONNECTING:
        (failed,) = events
        assert isinstance(failed, HandshakeFailed)
        assert isinstance(failed.error, ConnectionLost)
        assert ws.error is failed.error
    elif state in (State.OPEN, State.LOCAL_CLOSING):
        assert events == [CloseConnection(1006, "", CloseSource.TRANSPORT)]
        assert (ws.close_code, ws.close_reason) == (1006, "")
    elif state is State.REJECTING and role is Role.CLIENT:
        assert events == [RejectData(b"", True, True)]
    else:
        assert events == []
        assert ws.close_code == code
    assert (ws.state, ws.finished, ws.send_eof) == (State.CLOSED, True, True)
    assert ws.data_to_send() == (waiting if end == "receive_eof" else b"")
    check_over(ws, role)


def check_over(ws: Connection, role: Role) -> None:
    """Nothing happens any more, and nothing raises."""
    before = snapshot(ws)
    stream = frame_to(role, FIN | TEXT, b"x") + REQUEST + b"\xff"
    for _ in range(2):
        assert list(ws.receive_data(stream)) == []
        assert list(ws.receive_data(b"")) == []
        assert list(ws.receive_eof()) == []
        assert list(ws.receive_reset()) == []
        assert list(ws.events()) == []
        assert next(ws, None) is None
    assert ws.data_to_send() == b""
    assert ws.data_to_send(10) == b""
    assert ws.buffers_to_send() == []
    assert snapshot(ws) == before


@each_role
def test_nothing_happens_after_the_end_however_it_came(role: Role) -> None:
    failed = opened(role)
    receive(failed, frame_to(role, FIN | 0x3))
    failed.data_to_send()
    broken = connecting(role)
    if role is Role.CLIENT:
        receive(broken, b"HTTP/1.1 nonsense\r\n\r\n")
    else:
        broken = ServerConnection()
        receive(broken, b"nonsense\r\n\r\n")
        assert broken.data_to_send().startswith(b"HTTP/1.1 400 ")
    for ws in (closed(role), failed, broken):
        assert list(ws.receive_eof()) == []
        check_over(ws, role)


@each_role
def test_what_came_before_the_end_still_counts(role: Role) -> None:
    stream = frame_to(role, FIN | TEXT, b"last words") + frame_to(role, FIN | TEXT, b"cut")[:-1]
    for end in ("receive_eof", "receive_reset"):
        ws = opened(role)
        ws.receive_data(stream)
        assert list(getattr(ws, end)()) == [
            TextMessage("last words"),
            CloseConnection(1006, "", CloseSource.TRANSPORT),
        ]
        ws = opened(role)
        ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1000)))
        assert list(getattr(ws, end)()) == [CloseConnection(1000, "", CloseSource.PEER)]
        assert (ws.state, ws.finished) == (State.CLOSED, True)


@each_role
def test_data_after_the_end_of_the_stream_is_ignored(role: Role) -> None:
    ws = opened(role)
    ws.receive_eof()
    assert list(ws.receive_data(frame_to(role, FIN | TEXT, b"x"))) == [
        CloseConnection(1006, "", CloseSource.TRANSPORT)
    ]


# Output


@each_role
def test_output_can_be_drained_in_pieces_of_every_size(role: Role) -> None:
    def loaded() -> Connection:
        ws = connection(role)
        ws.send_text("some text")
        list(ws.receive_data(frame_to(role, FIN | PING, b"ping") * 3))
        ws.send_bytes(bytes(200))
        ws.close(1000, "done")
        return ws

    expected = loaded().data_to_send()
    for size in range(1, len(expected) + 2):
        ws = loaded()
        pieces = []
        while ws.pending_bytes:
            waiting = ws.pending_bytes
            pieces.append(ws.data_to_send(size))
            assert ws.pending_bytes == waiting - len(pieces[-1])
        assert b"".join(pieces) == expected
        assert {len(piece) for piece in pieces[:-1]} <= {size}
        assert ws.data_to_send(size) == b""
    ws = loaded()
    assert ws.data_to_send(0) == b""
    assert ws.pending_bytes == len(expected)


@each_role
def test_buffers_are_the_output_unjoined(role: Role) -> None:
    one, other = connection(role), connection(role)
    large = bytes(100_000)
    for ws in (one, other):
        ws.send_text("small")
        ws.send_bytes(large)
        ws.send_bytes(b"")
    assert one.pending_bytes == sum(map(len, other.buffers_to_send()))
    ws = connection(role)
    ws.send_text("small")
    ws.send_bytes(large)
    buffers = ws.buffers_to_send()
    assert b"".join(buffers) == one.data_to_send()[: sum(map(len, buffers))]
    assert all(buffers)
    assert (ws.buffers_to_send(), ws.pending_bytes) == ([], 0)
    if role is Role.SERVER:
        assert any(buffer is large for buffer in buffers)


def test_buffers_go_on_where_a_partial_drain_left_off() -> None:
    ws = connection(Role.SERVER)
    ws.send_text("abcdef")
    ws.send_text("ghi")
    assert ws.data_to_send(4) == b"\x81\x06ab"
    assert ws.buffers_to_send() == [b"cdef", b"\x81\x03ghi"]


def test_no_buffer_is_empty_where_pongs_gave_way() -> None:
    ws = connection(Role.SERVER, limits=Limits(max_pending_pongs=1))
    list(ws.receive_data(frame_to(Role.SERVER, FIN | PING, b"p") * 3))
    assert ws.buffers_to_send() == [b"\x8a\x01p"]


def test_output_is_the_same_for_the_same_random_bytes() -> None:
    def run() -> bytes:
        ws = connection(Role.CLIENT, extensions=[PerMessageDeflate()])
        for number in range(100):
            ws.send_text(f"message {number} " * 10)
        return ws.data_to_send()

    assert run() == run()


def test_every_frame_has_a_masking_key_of_its_own() -> None:
    numbers = iter(range(1 << 30))

    def counting(size: int) -> bytes:
        return b"".join(next(numbers).to_bytes(4, "big") for _ in range(size // 4))

    ws = Connection(Role.CLIENT, random_bytes=counting)
    keys = []
    for number in range(200):
        if number % 3 == 0:
            ws.send_text("text")
        elif number % 3 == 1:
            ws.ping(b"ping")
        else:
            ws.send_bytes(bytes(20_000))
        output = ws.data_to_send()
        keys.append(output[4:8] if number % 3 == 2 else output[2:6])
    assert keys == [number.to_bytes(4, "big") for number in range(200)]


def test_masking_keys_are_random_unless_told_otherwise() -> None:
    keys = set()
    for _ in range(64):
        ws = Connection(Role.CLIENT)
        ws.ping()
        keys.add(ws.data_to_send()[2:6])
    assert len(keys) == 64


def test_a_server_draws_no_random_bytes() -> None:
    def never(size: int) -> bytes:
        raise AssertionError

    ws = Connection(Role.SERVER, random_bytes=never)
    ws.send_text("text")
    ws.close()
    assert ws.pending_bytes == 10


def test_a_refused_message_uses_up_no_key() -> None:
    ws = connection(Role.CLIENT)
    asked: list[int] = []

    def counting(size: int) -> bytes:
        asked.append(size)
        return fixed_random(size)

    ws = Connection(Role.CLIENT, random_bytes=counting)
    for call in (lambda: ws.send_text("\ud800"), lambda: ws.ping(bytes(126)), lambda: ws.close(1)):
        with pytest.raises(LocalProtocolError):
            call()
    assert asked == []


# Bytes-like arguments


def in_memory_map(data: bytes) -> mmap.mmap:
    mapped = mmap.mmap(-1, len(data))
    mapped.write(data)
    return mapped


def every_other(data: bytes) -> memoryview:
    spread = bytearray(2 * len(data))
    spread[::2] = data
    return memoryview(spread)[::2]


class OwnBytes(bytes):
    """A subclass of the user's."""


FORMS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "subclass": OwnBytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "strided": every_other,
    "reversed": lambda data: memoryview(data[::-1])[::-1],
    "two-byte items": lambda data: array.array("H", data),
    "cast": lambda data: memoryview(data).cast("B", (2, len(data) // 2)),
    "mmap": in_memory_map,
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@each_role
@each_form
def test_received_data_may_be_any_bytes_like_object(
    role: Role, form: Callable[[bytes], Any]
) -> None:
    ws = connection(role)
    stream = frame_to(role, FIN | BINARY, b"abcd") + frame_to(role, FIN | TEXT, b"ef")
    (message, text) = ws.receive_data(form(stream))
    assert (message, text) == (BytesMessage(b"abcd"), TextMessage("ef"))
    assert type(message.data) is bytes  # type: ignore[attr-defined]


@each_role
@each_form
def test_sent_data_may_be_any_bytes_like_object(role: Role, form: Callable[[bytes], Any]) -> None:
    ws = connection(role)
    ws.send_bytes(form(b"abcdef"))
    ws.send(BytesMessage(form(b"ghij")))
    ws.ping(form(b"kl"))
    ws.send(Pong(form(b"mn")))
    assert frames_out(ws) == [
        (FIN | BINARY, b"abcdef"),
        (FIN | BINARY, b"ghij"),
        (FIN | PING, b"kl"),
        (FIN | PONG, b"mn"),
    ]


@each_role
def test_a_buffer_may_be_used_again_by_its_owner(role: Role) -> None:
    ws = connection(role)
    stream = frame_to(role, FIN | BINARY, b"first") + frame_to(role, FIN | PING, b"ping")
    buffer = bytearray(stream)
    events = ws.receive_data(memoryview(buffer)[:9])
    buffer[:] = b"\xff" * len(buffer)
    more = bytearray(stream[9:])
    ws.receive_data(more)
    more[:] = b"\xff" * len(more)
    assert list(events) == [BytesMessage(b"first"), Ping(b"ping")]

    data = bytearray(b"x" * 20_000)
    ws.send_bytes(data)
    ws.ping(memoryview(data)[:4])
    data[:] = b"y" * len(data)
    assert frames_out(ws) == [
        (FIN | PONG, b"ping"),
        (FIN | BINARY, b"x" * 20_000),
        (FIN | PING, b"xxxx"),
    ]


def test_a_buffer_is_not_held_on_to() -> None:
    ws = connection(Role.CLIENT)
    buffer = bytearray(frame_to(Role.CLIENT, FIN | BINARY, bytes(100)))
    ws.receive_data(buffer)
    buffer.clear()  # BufferError while a view of it is alive
    data = bytearray(20_000)
    ws.send_bytes(data)
    data.clear()
    assert next(ws) == BytesMessage(bytes(100))


# Events of the user's own kind


def test_subclasses_of_events_are_sent_as_what_they_are() -> None:
    class Greeting(TextMessage):
        __slots__ = ()

    class Farewell(CloseConnection):
        pass

    ws = connection(Role.SERVER)
    ws.send(Greeting("hello"))
    ws.send(Farewell(1001, "bye"))
    assert frames_out(ws) == [(FIN | TEXT, b"hello"), (FIN | CLOSE, close_payload(1001, "bye"))]


def test_a_bare_message_cannot_be_sent() -> None:
    ws = connection(Role.SERVER)
    with pytest.raises(TypeError, match="an event is wanted, not Message"):
        ws.send(Message("x"))
    assert ws.pending_bytes == 0


# In use


def test_connections_can_be_referred_to_weakly() -> None:
    ws = connection(Role.SERVER)
    refers = weakref.ref(ws)
    assert refers() is ws
    table = weakref.WeakKeyDictionary({ws: "its transport"})
    assert table[ws] == "its transport"


def test_two_connections_talk() -> None:
    client, server = connection(Role.CLIENT), connection(Role.SERVER)
    heard: dict[Role, list[Event]] = {Role.CLIENT: [], Role.SERVER: []}
    client.send_text("hello")
    client.ping(b"there?")
    client.send_bytes(bytes(70_000))
    for one, other in _turns(client, server):
        for event in other.receive_data(one.data_to_send(1000)):
            heard[other.role].append(event)
            if other.role is Role.SERVER and isinstance(event, (TextMessage, BytesMessage)):
                other.send(event)
            if other.role is Role.CLIENT and isinstance(event, BytesMessage):
                other.close(1000, "that is all")
    end = CloseConnection(1000, "that is all", CloseSource.PEER)
    messages = [TextMessage("hello"), BytesMessage(bytes(70_000))]
    assert heard[Role.SERVER] == [messages[0], Ping(b"there?"), messages[1], end]
    assert heard[Role.CLIENT] == [messages[0], Pong(b"there?"), messages[1], end]
    assert client.state is server.state is State.CLOSED
    assert (server.finished, client.finished) == (True, False)
    assert list(client.receive_eof()) == []
    assert client.finished


def _turns(client: Connection, server: Connection) -> Iterator[tuple[Connection, Connection]]:
    while client.pending_bytes or server.pending_bytes:
        yield client, server
        yield server, client


def test_one_extension_object_serves_two_connections() -> None:
    extension = PerMessageDeflate()
    pairs = [tuple(connection(role, extensions=[extension]) for role in ROLES) for _ in range(2)]
    for number in range(5):
        for index, (one, other) in enumerate(pairs):
            text = f"{index} says {number} " * 20
            one.send_text(text)
            output = one.data_to_send()
            assert read_frames(output)[0].first == FIN | RSV1 | TEXT
            assert list(other.receive_data(output)) == [TextMessage(text)]


@each_role
def test_frames_of_a_violation_are_told_apart_by_role(role: Role) -> None:
    ws = connection(role)
    (event,) = ws.receive_data(frame_to(role.peer, FIN | TEXT, b"x"))
    assert isinstance(event, CloseConnection)
    who = "a client's frame is not masked" if role is Role.SERVER else "a server's frame is masked"
    assert (event.code, event.reason) == (1002, who)
