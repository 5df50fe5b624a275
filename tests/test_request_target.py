"""Which request targets does a server take, and which host and path do they ask for?"""

from __future__ import annotations

from typing import Any

import pytest
from wire import KEY, head, receive, request

from wsproto_core import (
    HandshakeFailed,
    HostNotAllowed,
    MalformedHandshake,
    Request,
    ServerConnection,
)
from wsproto_core.handshake import parse_request
from wsproto_core.headers import Headers

FIELDS = Headers(
    {
        "Host": "example.com",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
)


@pytest.mark.parametrize("target", ["/", "/chat", "/chat?a=b", "/?", "//a//b", "/http://a/", "/*"])
def test_path_is_taken_as_it_was_sent(target: str) -> None:
    found = parse_request("GET", target, FIELDS)
    assert (found.host, found.target) == ("example.com", target)


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        ("http://example.org/chat", "example.org", "/chat", ""),
        ("http://example.org/chat?a=b?c", "example.org", "/chat", "a=b?c"),
        ("https://example.org:8080/", "example.org:8080", "/", ""),
        ("ws://example.org", "example.org", "/", ""),
        ("wss://example.org?a=b", "example.org", "/", "a=b"),
        ("HTTP://EXAMPLE.org//x", "EXAMPLE.org", "//x", ""),
        ("http://[::1]:81/x", "[::1]:81", "/x", ""),
    ],
)
def test_whole_uri_is_reduced_to_its_path_and_goes_before_host(
    target: str, host: str, path: str, query: str
) -> None:
    # RFC 9112 section 3.2.2; RFC 6455 section 4.2.1, item 1
    found = parse_request("GET", target, FIELDS)
    assert (found.host, found.path, found.query) == (host, path, query)
    assert found.target == path + ("?" + query if query else "")


@pytest.mark.parametrize(
    "target",
    [
        "*",
        "chat",
        "",
        "?a=b",
        "example.com:80",
        "http:/chat",
        "http://",
        "http:///chat",
        "http://?a",
        "http://user@example.com/",
        "ftp://example.com/",
        "xhttp://example.com/",
    ],
)
def test_target_of_another_form_is_refused(target: str) -> None:
    with pytest.raises(MalformedHandshake, match="neither a path nor a URI") as caught:
        parse_request("GET", target, FIELDS)
    assert caught.value.section == "RFC 9112 section 3.2"
    assert caught.value.status == 400


@pytest.mark.parametrize("bad", [" ", "\t", "\r\n", "\n", "\0", "\x7f", "\xff", "\u20ac", "\ud800"])
def test_target_with_more_than_visible_ascii_is_refused(bad: str) -> None:
    for target in (f"/a{bad}b", f"/{bad}", f"{bad}/", f"http://a{bad}b/", f"/?{bad}"):
        with pytest.raises(MalformedHandshake, match="visible ASCII") as caught:
            parse_request("GET", target, FIELDS)
        assert caught.value.section == "RFC 9112 section 3.2"


@pytest.mark.parametrize("target", ["/chat#top", "/#", "#f", "http://a/chat#top", "http://a#f"])
def test_fragment_in_the_target_is_refused(target: str) -> None:
    with pytest.raises(MalformedHandshake) as caught:
        parse_request("GET", target, FIELDS)
    assert caught.value.section == "RFC 9112 section 3.2"


def test_host_field_is_wanted_beside_a_whole_uri_too() -> None:
    without = Headers([(name, value) for name, value in FIELDS if name != "Host"])
    with pytest.raises(MalformedHandshake, match="Host is missing"):
        parse_request("GET", "http://example.com/", without)


def test_hosts_are_those_that_the_target_asks_for() -> None:
    data = request(line="GET http://example.org/chat HTTP/1.1")
    server = ServerConnection(hosts=["example.org"])
    (event,) = receive(server, data, 1)
    assert isinstance(event, Request)
    assert (event.host, event.target) == ("example.org", "/chat")
    assert event.headers["Host"] == "example.com"
    (refused,) = receive(ServerConnection(hosts=["example.com"]), data)
    assert isinstance(refused, HandshakeFailed)
    assert type(refused.error) is HostNotAllowed


@pytest.mark.parametrize("target", ["*", "/chat#top", "chat"])
def test_bad_target_is_answered_with_400(target: Any) -> None:
    server = ServerConnection()
    lines = [f"{name}: {value}" for name, value in FIELDS]
    (event,) = receive(server, head(f"GET {target} HTTP/1.1", *lines))
    assert isinstance(event, HandshakeFailed)
    assert server.data_to_send().startswith(b"HTTP/1.1 400 Bad Request\r\n")
    server = ServerConnection.from_request(FIELDS, target)
    assert [type(event) for event in server.events()] == [HandshakeFailed]
