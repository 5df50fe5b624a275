"""Which events may be sent in which state, and what happens to the others?"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from expect import ATTRIBUTES, snapshot, with_output
from wire import (
    CLOSE,
    FIN,
    MAKERS,
    PING,
    PONG,
    REQUEST,
    ROLES,
    TEXT,
    close_payload,
    frame_to,
    frames_out,
    open_one,
    receive,
)

from wsproto_core import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Connection,
    ConnectionState,
    Event,
    HandshakeFailed,
    LocalProtocolError,
    MalformedHandshake,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    Role,
    ServerConnection,
    TextMessage,
)
from wsproto_core.state import Action, next_state

each_role = pytest.mark.parametrize("role", ROLES)
State = ConnectionState
each_state = pytest.mark.parametrize("state", State)

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

each_event = pytest.mark.parametrize(
    ("event", "action"), EVENTS, ids=[str(number) for number in range(len(EVENTS))]
)


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


# Refusals


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
        open_one(Role.SERVER).send(AcceptConnection())


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
