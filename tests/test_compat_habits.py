"""What programs do with wsproto beyond the plain path: each habit on wsproto and on ours."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from compat_api import OURS, answered, asked, asking, attempt, both, opened, take
from test_compat_same import HANDED
from wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE_FIELD,
    FIN,
    PING,
    TEXT,
    accept_for,
    close_payload,
    frame_to,
    head,
    masked,
    read_frames,
    request,
)

from wsproto_core import Role

# Of servers


@both
def test_a_broken_request_is_answered_with_the_hint(api: Any) -> None:
    ws = api.WSConnection(api.ConnectionType.SERVER)
    broken = request("Sec-WebSocket-Version: 12", without=["Sec-WebSocket-Version"])
    with pytest.raises(api.utilities.RemoteProtocolError) as error:
        ws.receive_data(broken)
    assert ws.state is api.connection.ConnectionState.CONNECTING
    sent = ws.send(error.value.event_hint)
    assert sent.startswith(b"HTTP/1.1 426 ")
    assert b"sec-websocket-version: 13\r\n" in sent.lower()
    assert ws.state is api.connection.ConnectionState.CLOSED
    assert list(ws.events()) == []


@both
def test_a_broken_request_is_answered_as_the_program_likes(api: Any) -> None:
    ws = api.WSConnection(api.ConnectionType.SERVER)
    assert take(ws, b"nonsense\r\n\r\n") == ("RemoteProtocolError", 400)
    reject = api.events.RejectConnection(418, [(b"x-tea", b"pot")], has_body=True)
    sent = ws.send(reject) + ws.send(api.events.RejectData(b"short and stout"))
    assert sent.startswith(b"HTTP/1.1 418 ")
    assert b"x-tea: pot\r\n" in sent
    assert b"short and stout" in sent
    assert ws.state is api.connection.ConnectionState.CLOSED
    assert attempt(ws.send, api.events.RejectConnection()) == "LocalProtocolError"


@both
def test_a_request_that_has_not_come_can_be_rejected(api: Any) -> None:
    ws = api.WSConnection(api.ConnectionType.SERVER)
    assert ws.send(api.events.RejectConnection(500)).startswith(b"HTTP/1.1 500 ")
    assert ws.state is api.connection.ConnectionState.CLOSED


def test_a_broken_request_cannot_be_accepted() -> None:
    ws = OURS.WSConnection(OURS.ConnectionType.SERVER)
    assert attempt(ws.send, OURS.events.AcceptConnection()) == "LocalProtocolError"
    take(ws, b"nonsense\r\n\r\n")
    assert attempt(ws.send, OURS.events.AcceptConnection()) == "LocalProtocolError"
    assert ws.state is OURS.connection.ConnectionState.CONNECTING


@both
def test_an_empty_body_may_follow_a_status_that_has_none(api: Any) -> None:
    ws = asked(api)
    sent = ws.send(api.events.RejectConnection(204, has_body=True))
    sent += ws.send(api.events.RejectData(b""))
    assert sent.startswith(b"HTTP/1.1 204 ")
    assert sent.endswith(b"\r\n\r\n")
    assert ws.state is api.connection.ConnectionState.CLOSED


@both
def test_a_handshake_alone_ends_in_a_connection(api: Any) -> None:
    handshake = api.H11Handshake(api.ConnectionType.SERVER)
    assert repr(handshake) == "H11Handshake(client=False, state=ConnectionState.CONNECTING)"
    assert handshake.connection is None
    handshake.initiate_upgrade_connection(HANDED, b"/chat")
    assert handshake.send(api.events.AcceptConnection()).startswith(b"HTTP/1.1 101 ")
    assert handshake.state is api.connection.ConnectionState.OPEN
    ws = handshake.connection
    assert isinstance(ws, api.Connection)
    (event,) = take(ws, masked(FIN | TEXT, b"hello"))
    assert event == api.events.TextMessage("hello")


@both
def test_a_request_that_was_parsed_elsewhere_may_be_broken(api: Any) -> None:
    ws = api.WSConnection(api.ConnectionType.SERVER)
    with pytest.raises(api.utilities.RemoteProtocolError):
        ws.initiate_upgrade_connection(HANDED[:-2], "/chat")
    client = api.WSConnection(api.ConnectionType.CLIENT)
    with pytest.raises(api.utilities.LocalProtocolError):
        client.initiate_upgrade_connection(HANDED, "/chat")


@both
def test_an_end_behind_the_request_changes_nothing(api: Any) -> None:
    ws = asked(api)
    assert take(ws, None) == []
    assert ws.send(api.events.AcceptConnection()).startswith(b"HTTP/1.1 101 ")


def test_a_handshake_that_is_over_receives_nothing() -> None:
    handshake = OURS.H11Handshake(OURS.ConnectionType.SERVER)
    handshake.receive_data(request())
    handshake.send(OURS.events.AcceptConnection())
    with pytest.raises(OURS.utilities.LocalProtocolError):
        handshake.receive_data(b"")


@both
def test_messages_wait_for_the_handshake(api: Any) -> None:
    ws = asked(api)
    for event in (api.events.TextMessage("early"), api.events.CloseConnection(1000)):
        assert attempt(ws.send, event) == "LocalProtocolError"


# Of clients


@both
def test_a_read_that_gives_nothing_ends_a_handshake(api: Any) -> None:
    """Else a loop that reads until an event comes would not end."""
    ws, _ = asking(api)
    assert take(ws, b"") == ("RemoteProtocolError", 400)
    assert ws.state is api.connection.ConnectionState.CONNECTING


def test_nothing_leads_back_from_a_handshake_that_failed() -> None:
    ws, _ = asking(OURS)
    assert take(ws, b"nonsense\r\n\r\n") == ("RemoteProtocolError", 400)
    assert take(ws, b"more") == []
    assert take(ws, None) == []
    for event in (OURS.events.RejectConnection(), OURS.events.Request("example.com", "/")):
        assert attempt(ws.send, event) == "LocalProtocolError"


def test_a_client_asks_first_and_once_and_a_server_never() -> None:
    ws = OURS.WSConnection(OURS.ConnectionType.CLIENT)
    assert ws.state is OURS.connection.ConnectionState.CONNECTING
    assert take(ws, b"HTTP/1.1 ") == "LocalProtocolError"
    for event in (OURS.events.AcceptConnection(), OURS.events.RejectData(b"")):
        assert attempt(ws.send, event) == "LocalProtocolError"
    server = OURS.WSConnection(OURS.ConnectionType.SERVER)
    assert attempt(server.send, OURS.events.Request("example.com", "/")) == "LocalProtocolError"


@pytest.mark.parametrize("host", ["a/b", "user@example.com", "a?b", "a#b", ""])
def test_a_host_is_nothing_but_a_host(host: str) -> None:
    ws = OURS.WSConnection(OURS.ConnectionType.CLIENT)
    assert attempt(ws.send, OURS.events.Request(host, "/")) in ("LocalProtocolError", "InvalidURI")
    assert ws.send(OURS.events.Request("example.com", "/")).startswith(b"GET / ")


@both
def test_one_event_at_a_time(api: Any) -> None:
    ws, _ = answered(api)
    ws.receive_data(
        frame_to(Role.CLIENT, FIN | TEXT, b"1") + frame_to(Role.CLIENT, FIN | TEXT, b"2")
    )
    assert next(ws.events()).data == "1"
    assert next(ws.events()).data == "2"
    assert next(ws.events(), None) is None


@both
def test_frames_may_come_in_the_same_read_as_the_answer(api: Any) -> None:
    ws, key = asking(api)
    fields = ("Upgrade: websocket", "Connection: Upgrade")
    answer = head("HTTP/1.1 101 Go", *fields, f"Sec-WebSocket-Accept: {accept_for(key)}")
    accept, first, second = take(ws, answer + 2 * frame_to(Role.CLIENT, FIN | TEXT, b"x"))
    assert isinstance(accept, api.events.AcceptConnection)
    assert first == second == api.events.TextMessage("x")


# Of both, once the connection is open


@both
def test_no_message_is_too_large(api: Any) -> None:
    ws = opened(api)
    piece = masked(BINARY, bytes(1 << 20)), masked(CONTINUATION, bytes(1 << 20))
    assert sum(len(event.data) for event in take(ws, b"".join(piece))) == 2 << 20
    assert len(take(ws, masked(CONTINUATION) * 20_000)) == 20_000
    assert take(ws, masked(FIN | CONTINUATION, b"end"))[0].message_finished


@both
def test_a_head_may_have_long_lines_and_many_fields(api: Any) -> None:
    fields = [f"X-{number}: 1" for number in range(400)]
    ws = asked(api, "Cookie: " + "a" * 15_000, *fields)
    assert ws.send(api.events.AcceptConnection()).startswith(b"HTTP/1.1 101 ")


@both
def test_a_connection_may_begin_with_what_came_behind_the_handshake(api: Any) -> None:
    ws = api.Connection(api.ConnectionType.SERVER, trailing_data=masked(FIN | BINARY, b"\0"))
    assert list(ws.events()) == [api.events.BytesMessage(b"\0")]
    assert ws.client is False
    assert api.Connection(api.ConnectionType.CLIENT).client is True


@both
def test_a_subclass_puts_events_of_its_own_ahead(api: Any) -> None:
    class Mine(api.Connection):  # type: ignore[misc]
        def __init__(self, *arguments: Any, name: str, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.name = name

    ws = Mine(api.ConnectionType.SERVER, [], name="mine")
    ws.receive_data(masked(FIN | TEXT, b"second"))
    ws._events.extend([api.events.TextMessage("first")])
    assert [event.data for event in ws.events()] == ["first", "second"]


@both
@pytest.mark.parametrize("closing", [False, True])
def test_a_failure_can_be_echoed_and_ends_what_is_received(api: Any, closing: bool) -> None:
    ws = opened(api)
    if closing:
        ws.send(api.events.CloseConnection(1000))
    state = ws.state
    (event,) = take(ws, masked(FIN | 0x3))
    assert str(event) == (
        "CloseConnection(code=<CloseReason.PROTOCOL_ERROR: 1002>, reason='Invalid opcode 0x3')"
    )
    assert ws.state is state
    sent = attempt(ws.send, event.response())
    if closing:
        assert sent == "LocalProtocolError"
    else:
        assert read_frames(sent)[0].payload == close_payload(1002, "Invalid opcode 0x3")
    assert ws.state is api.connection.ConnectionState.LOCAL_CLOSING
    assert take(ws, masked(FIN | CLOSE)) == []
    assert [event.code for event in take(ws, None)] == [1006]
    assert ws.state is api.connection.ConnectionState.CLOSED


@both
def test_what_a_failure_has_behind_it_is_sent_as_ever(api: Any) -> None:
    ws = opened(api, deflated=True)
    take(ws, masked(FIN | 0x3))
    text = "still here " * 20
    peer = opened(api, Role.CLIENT, deflated=True)
    assert [event.data for event in take(peer, ws.send(api.events.TextMessage(text)))] == [text]


@both
def test_reasons_are_cut_between_characters(api: Any) -> None:
    sent = opened(api).send(api.events.CloseConnection(4000, "\u20ac" * 60))
    assert read_frames(sent)[0].payload == close_payload(4000, "\u20ac" * 41)


@both
def test_after_the_end_more_is_an_error_and_the_end_again_is_not(api: Any) -> None:
    ws = opened(api)
    ws.send(api.events.CloseConnection(1000))
    assert [event.code for event in take(ws, masked(FIN | CLOSE, close_payload(4999)))] == [4999]
    assert take(ws, masked(FIN | PING)) == "LocalProtocolError"
    for _ in range(2):
        (event,) = take(ws, None)
        assert str(event) == (
            "CloseConnection(code=<CloseReason.ABNORMAL_CLOSURE: 1006>, reason=None)"
        )


@both
def test_threads_that_send_at_once_send_whole_frames(api: Any) -> None:
    """No promise of wsproto's, but programs with a thread for reading rely on it."""
    ws = opened(api, Role.CLIENT)
    chunks: list[bytes] = []

    def send(number: int) -> None:
        texts = (f"{number}/{count}" for count in range(300))
        chunks.extend(ws.send(api.events.TextMessage(text)) for text in texts)

    threads = [threading.Thread(target=send, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    payloads = sorted(frame.payload for chunk in chunks for frame in read_frames(chunk))
    assert payloads == sorted(b"%d/%d" % (n, c) for n in range(4) for c in range(300))


# Extensions


@both
def test_extensions_by_name(api: Any) -> None:
    kind = api.extensions.SUPPORTED_EXTENSIONS["permessage-deflate"]
    assert kind is api.extensions.PerMessageDeflate
    assert issubclass(kind, api.extensions.Extension)
    assert kind.name == "permessage-deflate"
    assert not kind().enabled()


@both
def test_settings_of_deflate_can_be_read_and_changed(api: Any) -> None:
    extension = api.extensions.PerMessageDeflate(True, 10, False, None)
    assert extension.client_no_context_takeover
    assert not extension.server_no_context_takeover
    extension.server_max_window_bits = 12
    extension.server_no_context_takeover = True
    assert repr(extension) == (
        "<PerMessageDeflate client_max_window_bits=10; client_no_context_takeover; "
        "server_max_window_bits=12; server_no_context_takeover>"
    )
    with pytest.raises(ValueError, match="must be"):
        extension.client_max_window_bits = 16
    with pytest.raises(ValueError, match="must be"):
        api.extensions.PerMessageDeflate(server_max_window_bits=7)


@both
def test_a_servers_answer_is_taken_note_of(api: Any) -> None:
    extension = api.extensions.PerMessageDeflate()
    extension.finalize("permessage-deflate; server_max_window_bits=11; client_no_context_takeover")
    assert extension.enabled()
    assert extension.server_max_window_bits == 11
    assert extension.client_no_context_takeover


def test_the_case_of_an_answer_does_not_matter() -> None:
    extension = OURS.extensions.PerMessageDeflate()
    extension.finalize("Permessage-Deflate; Server_Max_Window_Bits=11")
    assert extension.server_max_window_bits == 11
    note = OURS.handshake.client_extensions_handshake
    assert note(["PERMESSAGE-DEFLATE"], [extension]) == [extension]


@pytest.mark.parametrize("answer", ["permessage-deflate; foo", "permessage-deflate; a==b"])
def test_an_answer_that_was_not_offered_is_an_error(answer: str) -> None:
    extension = OURS.extensions.PerMessageDeflate()
    assert attempt(extension.finalize, answer) == ("RemoteProtocolError", 400)
    assert not extension.enabled()


def test_an_offer_that_is_no_offer_is_declined() -> None:
    extension = OURS.extensions.PerMessageDeflate()
    assert extension.accept("permessage-deflate; a==b") is None
    assert extension.accept("another") is None
    extension.finalize("")
    assert extension.enabled()


@both
def test_a_server_answers_offers_by_hand(api: Any) -> None:
    answer = api.handshake.server_extensions_handshake
    deflate = [api.extensions.PerMessageDeflate()]
    assert answer(["permessage-deflate"], deflate) == b"permessage-deflate"
    assert deflate[0].enabled()
    takeover = "permessage-deflate; server_no_context_takeover"
    assert answer(["x-other", takeover], deflate) == takeover.encode()
    assert answer(["x-other"], deflate) is None
    assert answer([], []) is None


@both
def test_extensions_of_ones_own_negotiate(api: Any) -> None:
    class Own(api.extensions.Extension):  # type: ignore[misc]
        def __init__(self, name: str, answer: object) -> None:
            self.name = name
            self.answer = answer

        def offer(self) -> bool:
            return True

        def accept(self, offer: str) -> object:
            return self.answer

    class Silent(api.extensions.Extension):  # type: ignore[misc]
        name = "x-silent"

        def offer(self) -> bool:
            return True

    own = [Own("x-yes", True), Own("x-no", False), Own("x-none", None), Own("x-more", "a=1")]
    answer = api.handshake.server_extensions_handshake
    offers = [each.name for each in own] + ["x-silent"]
    assert answer(offers, [*own, Silent()]) == b"x-yes, x-more; a=1"
    assert api.handshake.client_extensions_handshake(["x-silent"], [Silent()])[0].name == "x-silent"
    assert not Silent().enabled()


@both
def test_a_client_takes_note_of_answers_by_hand(api: Any) -> None:
    note = api.handshake.client_extensions_handshake
    deflate = [api.extensions.PerMessageDeflate()]
    assert note(["permessage-deflate; server_max_window_bits=9"], deflate) == deflate
    assert deflate[0].server_max_window_bits == 9
    assert attempt(note, ["x-other"], deflate) == ("RemoteProtocolError", 400)


@both
def test_extensions_that_were_not_agreed_on_are_not_in_use(api: Any) -> None:
    ws = api.Connection(api.ConnectionType.SERVER, [api.extensions.PerMessageDeflate()])
    assert take(ws, masked(FIN | 0x40 | TEXT))[0].code == 1002


def test_deflate_is_offered_agreed_and_used_by_ours_and_ours() -> None:
    deflate = [OURS.extensions.PerMessageDeflate(client_no_context_takeover=True)]
    ws, (event,) = answered(
        OURS, DEFLATE_FIELD + "; client_no_context_takeover", extensions=deflate
    )
    assert event.extensions == deflate
    server = asked(OURS, DEFLATE_FIELD + "; client_no_context_takeover")
    server.send(OURS.events.AcceptConnection(extensions=[OURS.extensions.PerMessageDeflate()]))
    text = "hello " * 100
    sent = ws.send(OURS.events.TextMessage(text))
    assert len(sent) < 60
    assert [event.data for event in take(server, sent)] == [text]


def test_an_extension_of_ones_own_is_refused_where_frames_would_pass_it_by() -> None:
    class Own(OURS.extensions.Extension):  # type: ignore[misc]
        name = "x-own"

        def offer(self) -> bool:
            return True

    accept = OURS.events.AcceptConnection(extensions=[Own()])
    with pytest.raises(TypeError, match="only PerMessageDeflate works here"):
        asked(OURS).send(accept)
    assert OURS.Connection(OURS.ConnectionType.SERVER, [Own()]).client is False


@both
def test_opcodes_know_what_they_are(api: Any) -> None:
    opcodes = api.frame_protocol.Opcode
    assert [each.name for each in opcodes if each.iscontrol()] == ["CLOSE", "PING", "PONG"]
