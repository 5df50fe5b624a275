"""What do a server's options decide: subprotocol, extensions, origins and hosts?"""

from __future__ import annotations

from typing import Any

import pytest
from wire import (
    asked,
    open_server,
    request,
)

from wsproto_core import (
    AcceptConnection,
    ConnectionState,
    HandshakeFailed,
    HostNotAllowed,
    LocalProtocolError,
    OriginNotAllowed,
    PerMessageDeflate,
    RejectConnection,
    Request,
    ServerConnection,
)

# Subprotocols


@pytest.mark.parametrize(
    ("offered", "spoken", "chosen"),
    [
        ("b, a", ["a", "b"], "a"),
        ("b, a", ["b", "a"], "b"),
        ("c, b", ["a", "b"], "b"),
        ("c", ["a", "b"], None),
        ("A", ["a"], None),
        ("a", [], None),
    ],
)
def test_servers_order_decides_among_subprotocols(
    offered: str, spoken: list[str], chosen: str | None
) -> None:
    server = open_server(f"Sec-WebSocket-Protocol: {offered}", subprotocols=spoken)
    assert server.subprotocol == chosen
    assert isinstance(server.response, AcceptConnection)
    assert server.response.subprotocol == chosen
    assert server.response.headers.get("Sec-WebSocket-Protocol") == chosen


def test_client_that_offers_no_subprotocol_gets_none() -> None:
    assert open_server(subprotocols=["a"]).subprotocol is None


def test_subprotocol_named_when_accepting_wins() -> None:
    server = asked("Sec-WebSocket-Protocol: a, b", subprotocols=["a"])
    server.accept("b")
    assert server.subprotocol == "b"
    assert b"\r\nSec-WebSocket-Protocol: b\r\n" in server.data_to_send()


def test_hook_chooses_the_subprotocol_from_the_request() -> None:
    seen: list[Request] = []

    def choose(asking: Request) -> str | None:
        seen.append(asking)
        return asking.subprotocols[-1] if asking.subprotocols else None

    server = open_server("Sec-WebSocket-Protocol: a, b", select_subprotocol=choose)
    assert server.subprotocol == "b"
    assert seen == [server.request]
    server = open_server(
        "Sec-WebSocket-Protocol: a, b", select_subprotocol=choose, subprotocols=["a"]
    )
    assert server.subprotocol == "b"
    assert open_server(select_subprotocol=choose).subprotocol is None


def test_hook_that_chooses_what_was_not_offered_is_refused() -> None:
    server = asked("Sec-WebSocket-Protocol: a", select_subprotocol=lambda _: "c")
    with pytest.raises(LocalProtocolError, match="not one that the client speaks"):
        server.accept()
    assert server.state is ConnectionState.CONNECTING
    assert server.pending_bytes == 0
    server.accept("a")
    assert server.subprotocol == "a"


# Extensions


def test_extensions_named_when_accepting_replace_the_configured_ones() -> None:
    field = "Sec-WebSocket-Extensions: permessage-deflate"
    server = asked(field, extensions=[PerMessageDeflate()])
    server.accept(extensions=[])
    assert server.extensions == ()
    assert b"Sec-WebSocket-Extensions" not in server.data_to_send()
    server = asked(field)
    server.accept(extensions=[PerMessageDeflate(server_no_context_takeover=True)])
    (agreed,) = server.extensions
    assert isinstance(agreed, PerMessageDeflate)
    assert agreed.server_no_context_takeover
    assert b"permessage-deflate; server_no_context_takeover\r\n" in server.data_to_send()


# Origins and hosts


@pytest.mark.parametrize(
    ("options", "fields", "status"),
    [
        ({"origins": ["https://a"]}, ["Origin: https://a"], None),
        ({"origins": ["https://a"]}, ["Origin: https://a:443"], None),
        ({"origins": ["https://a"]}, ["Origin: http://a"], 403),
        ({"origins": ["https://a"]}, ["Origin: https://a:8443"], 403),
        ({"origins": ["https://a"]}, ["Origin: https://b"], 403),
        ({"origins": ["https://a"]}, ["Origin: null"], 403),
        ({"origins": ["https://a"]}, [], 403),
        ({"origins": ["https://a"], "allow_missing_origin": True}, [], None),
        ({"origins": ["https://a"], "allow_missing_origin": True}, ["Origin: https://b"], 403),
        ({"origins": ["*"]}, ["Origin: https://anywhere"], None),
        ({"origins": ["*"]}, [], 403),
        ({"origins": ["https://*.a"]}, ["Origin: https://x.a"], None),
        ({"origins": ["file://"]}, ["Origin: file://"], None),
        ({"origins": ["file://"]}, ["Origin: https://a"], 403),
        ({"origins": []}, ["Origin: https://a"], 403),
        ({"origins": None}, ["Origin: https://a"], None),
        ({}, [], None),
        ({"hosts": ["example.com"]}, [], None),
        ({"hosts": ["EXAMPLE.COM"]}, [], None),
        ({"hosts": ["example.org"]}, [], 421),
        ({"hosts": ["example.com:8080"]}, [], 421),
        ({"hosts": []}, [], 421),
        ({"hosts": ["example.org"], "origins": ["https://a"]}, [], 421),
    ],
    ids=str,
)
def test_origin_and_host_are_checked_ahead_of_the_event(
    options: dict[str, Any], fields: list[str], status: int | None
) -> None:
    server = ServerConnection(**options)
    (event,) = server.receive_data(request(*fields))
    if status is None:
        assert isinstance(event, Request)
        return
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is (OriginNotAllowed if status == 403 else HostNotAllowed)
    assert event.error.status == status
    assert server.request is None
    assert server.data_to_send().startswith(f"HTTP/1.1 {status} ".encode())


# Options of the wrong kind


@pytest.mark.parametrize("name", ["origins", "hosts", "subprotocols"])
@pytest.mark.parametrize("value", ["https://*.example.com", "*", [b"a"], [None]], ids=str)
def test_string_in_place_of_a_list_of_strings_is_a_type_error(name: str, value: Any) -> None:
    with pytest.raises(TypeError):
        ServerConnection(**{name: value})


@pytest.mark.parametrize("delivery", ["", "chunks", None, "Message"])
def test_delivery_that_there_is_not_is_a_value_error(delivery: Any) -> None:
    with pytest.raises(ValueError, match="delivery must be"):
        ServerConnection(delivery=delivery)


@pytest.mark.parametrize(
    "value", ["http://example.com", "", "a b", "a/b", "a:b", "[::1", "\xe9", "*", "*.example.com"]
)
def test_host_that_could_match_nothing_is_a_value_error(value: str) -> None:
    with pytest.raises(ValueError, match="is not a host: write host or host:port"):
        ServerConnection(hosts=["example.com", value])


@pytest.mark.parametrize(
    "value",
    [
        "example.com",
        "*.example.com",
        "https://",
        "https://*",
        "https://*.",
        "https://a.*.com",
        "https://a/",
        "",
        "http:/a",
    ],
)
def test_origin_that_could_match_nothing_is_a_value_error(value: str) -> None:
    with pytest.raises(ValueError, match="is not an origin: write scheme://host"):
        ServerConnection(origins=["https://example.com", value])


def test_every_form_of_host_and_origin_is_taken() -> None:
    server = ServerConnection(
        hosts=["a", "a:1", "[::1]:80", "127.0.0.1"],
        origins=["*", "null", "https://a", "http://a:1", "https://*.a", "app://b", "file://"],
    )
    assert server.state is ConnectionState.CONNECTING


# The hook and the answer


@pytest.mark.parametrize("chosen", [None, "a"])
def test_hook_may_reject_by_itself(chosen: str | None) -> None:
    def refuse(_: Request) -> str | None:
        server.reject(403)
        return chosen

    server = asked("Sec-WebSocket-Protocol: a", select_subprotocol=refuse)
    with pytest.raises(LocalProtocolError) as caught:
        server.accept()
    assert caught.value.state is ConnectionState.CLOSED
    assert isinstance(server.response, RejectConnection)
    assert server.finished
    output = server.data_to_send()
    assert output.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b" 101 " not in output


def test_hook_may_accept_by_itself() -> None:
    def choose(_: Request) -> str | None:
        server.accept("b")
        return "a"

    server = asked("Sec-WebSocket-Protocol: a, b", select_subprotocol=choose)
    with pytest.raises(LocalProtocolError) as caught:
        server.accept()
    assert caught.value.state is ConnectionState.OPEN
    assert server.subprotocol == "b"
    assert server.data_to_send().count(b"HTTP/1.1 101 ") == 1


def test_empty_subprotocol_is_not_none() -> None:
    server = asked("Sec-WebSocket-Protocol: a", subprotocols=["a"])
    with pytest.raises(LocalProtocolError, match="not one that the client speaks"):
        server.accept("")
    assert (server.state, server.pending_bytes) == (ConnectionState.CONNECTING, 0)
    server.accept(None)
    assert server.subprotocol == "a"


def test_hook_that_returns_none_accepts_without_a_subprotocol() -> None:
    server = open_server(
        "Sec-WebSocket-Protocol: a", subprotocols=["a"], select_subprotocol=lambda _: None
    )
    assert server.subprotocol is None
