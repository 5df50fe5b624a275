"""Do client and server find each other's extensions, in any letter case and among alternatives?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from wire import exchange, new_client, open_client, open_pair, open_server, receive, response

from wsproto_core import (
    Agreement,
    Codec,
    Extension,
    ExtensionName,
    ExtensionParameter,
    Frame,
    HandshakeFailed,
    NegotiationError,
    PerMessageDeflate,
    Role,
    TextMessage,
)

FIELD = "Sec-WebSocket-Extensions: "


class Unchanged(Codec):
    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        return frame

    def encode(self, frame: Frame) -> Frame:
        return frame


@dataclass(frozen=True)
class Same(Extension):
    """Changes nothing; agrees to the parameters that it is told to want."""

    name: ExtensionName  # type: ignore[misc]
    wanted: tuple[ExtensionParameter, ...] = ()

    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        return (self.wanted,)

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        return Agreement(self, self.wanted) if tuple(parameters) == self.wanted else None

    def confirm(self, parameters: Sequence[ExtensionParameter]) -> Extension:
        if tuple(parameters) != self.wanted:
            raise NegotiationError(f"not {self.wanted}")
        return self

    def codec(self, role: Role) -> Codec:
        return Unchanged()


def same(name: str, *wanted: ExtensionParameter) -> Same:
    return Same(ExtensionName(name), wanted)


# Alternatives of one extension


@pytest.mark.parametrize("first", [True, False])
def test_client_takes_whichever_of_its_alternatives_the_server_chose(first: bool) -> None:
    strict, free = PerMessageDeflate(server_no_context_takeover=True), PerMessageDeflate()
    answer = "permessage-deflate" + "; server_no_context_takeover" * first
    client = open_client(FIELD + answer, extensions=[strict, free])
    (agreed,) = client.extensions
    assert isinstance(agreed, PerMessageDeflate)
    assert agreed.server_no_context_takeover is first


def test_answer_that_fits_no_alternative_fails_the_handshake() -> None:
    offered = [
        PerMessageDeflate(server_no_context_takeover=True),
        PerMessageDeflate(server_max_window_bits=10),
    ]
    client = new_client(extensions=offered)
    (event,) = receive(client, response(FIELD + "permessage-deflate"))
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is NegotiationError
    assert "server_max_window_bits" in str(event.error)


def test_one_extension_cannot_be_agreed_on_twice_through_its_alternatives() -> None:
    offered = [PerMessageDeflate(server_no_context_takeover=True), PerMessageDeflate()]
    client = new_client(extensions=offered)
    answer = "permessage-deflate; server_no_context_takeover, permessage-deflate"
    (event,) = receive(client, response(FIELD + answer))
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is NegotiationError


def test_alternatives_work_between_our_own_client_and_server() -> None:
    client, server = open_pair(
        {"extensions": [PerMessageDeflate(server_max_window_bits=9), PerMessageDeflate()]},
        {"extensions": [PerMessageDeflate()]},
    )
    server.send_text("abc" * 100)
    assert exchange(client, server)[0] == [TextMessage("abc" * 100)]


# Letter case


@pytest.mark.parametrize(
    "offer",
    [
        "PerMessage-Deflate; Client_Max_Window_Bits=10; SERVER_NO_CONTEXT_TAKEOVER",
        "PERMESSAGE-DEFLATE; client_max_window_bits=10; Server_No_Context_Takeover",
    ],
)
def test_server_finds_an_offer_in_any_letter_case(offer: str) -> None:
    server = open_server(FIELD + offer, extensions=[PerMessageDeflate()])
    (agreed,) = server.extensions
    assert isinstance(agreed, PerMessageDeflate)
    assert agreed.client_max_window_bits == 10
    assert agreed.server_no_context_takeover


def test_client_finds_an_answer_in_any_letter_case() -> None:
    answer = "Permessage-Deflate; Server_Max_Window_Bits=10"
    client = open_client(FIELD + answer, extensions=[PerMessageDeflate()])
    (agreed,) = client.extensions
    assert isinstance(agreed, PerMessageDeflate)
    assert agreed.server_max_window_bits == 10


def test_values_keep_their_letter_case_and_so_do_names_in_the_answer() -> None:
    own = same("X-Same", ("key", "Value"))
    server = open_server(FIELD + "x-SAME; KEY=Value", extensions=[own])
    assert server.extensions == (own,)
    assert server.response is not None
    assert server.response.headers["Sec-WebSocket-Extensions"] == "X-Same; key=Value"
    declined = open_server(FIELD + "x-same; key=value", extensions=[own])
    assert declined.extensions == ()
    assert open_client(FIELD + "x-same; Key=Value", extensions=[own]).extensions == (own,)


@pytest.mark.parametrize("answer", ["x-same, X-Same", "X-SAME, x-same"])
def test_one_name_in_two_letter_cases_is_one_extension(answer: str) -> None:
    server = open_server(FIELD + answer, extensions=[same("x-same"), same("X-Same")])
    assert len(server.extensions) == 1
    client = new_client(extensions=[same("x-same"), same("X-Same")])
    (event,) = receive(client, response(FIELD + answer))
    assert isinstance(event, HandshakeFailed)
    assert "does not fit beside the others" in str(event.error)
