"""What a valid opening handshake is, on header lists alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from wire import ACCEPT, KEY

from wsproto_core.codes import Role
from wsproto_core.events import AcceptConnection, Request
from wsproto_core.exceptions import (
    HandshakeError,
    HostNotAllowed,
    LocalProtocolError,
    MalformedHandshake,
    MethodNotAllowed,
    NegotiationError,
    OriginNotAllowed,
    UnsupportedVersion,
)
from wsproto_core.extensions.base import Agreement, Codec, Extension
from wsproto_core.extensions.permessage_deflate import PerMessageDeflate
from wsproto_core.handshake import (
    Offer,
    check_host,
    check_origin,
    check_response,
    check_subprotocols,
    negotiate_extensions,
    parse_request,
    request_headers,
    response_headers,
)
from wsproto_core.headers import Headers
from wsproto_core.types import (
    ExtensionName,
    ExtensionOffer,
    ExtensionParameter,
    Origin,
    Subprotocol,
)

REQUEST = {
    "Host": "example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
RESPONSE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": ACCEPT}


def with_fields(base: dict[str, str], **fields: str | None) -> Headers:
    """`base` with some fields replaced; None leaves one out."""
    changed = {name.replace("_", "-"): value for name, value in fields.items()}
    return Headers(
        {name: value for name, value in {**base, **changed}.items() if value is not None}
    )


def request_with(origin: str | None = None, host: str = "example.com") -> Request:
    return Request(host, "/", origin=None if origin is None else Origin(origin))


# Requests


def test_request_tells_all_that_the_head_says() -> None:
    headers = with_fields(
        REQUEST,
        Origin="https://a.example",
        Sec_WebSocket_Protocol="chat, superchat",
        Sec_WebSocket_Extensions="x; y=z, w",
        Cookie="a=b",
    )
    request = parse_request("GET", "/chat?room=1", headers)
    assert request == Request(
        "example.com",
        "/chat?room=1",
        headers,
        (Subprotocol("chat"), Subprotocol("superchat")),
        ((ExtensionName("x"), (("y", "z"),)), (ExtensionName("w"), ())),
        Origin("https://a.example"),
    )


def test_request_without_options_is_enough() -> None:
    request = parse_request("GET", "/", Headers(REQUEST))
    assert (request.subprotocols, request.extensions, request.origin) == ((), (), None)


@pytest.mark.parametrize(
    "fields",
    [
        {"Upgrade": "WebSocket"},
        {"Upgrade": "h2c, websocket"},
        {"Upgrade": "websocket/13, WEBSOCKET"},
        {"Connection": "upgrade"},
        {"Connection": "keep-alive,UPGRADE,"},
        {"Host": "example.com:8080"},
        {"Host": "[::1]:80"},
        {"Host": "127.0.0.1"},
        {"Sec-WebSocket-Protocol": ""},
        {"Sec-WebSocket-Extensions": ""},
        {"Sec-WebSocket-Protocol": ",chat,,"},
    ],
)
def test_request_is_read_liberally_where_the_grammar_allows_it(fields: dict[str, str]) -> None:
    request = parse_request("GET", "/", Headers({**REQUEST, **fields}))
    assert request.host == fields.get("Host", "example.com")


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "CONNECT", "get", "PRI", ""])
def test_other_methods_than_get_are_refused(method: str) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        parse_request(method, "/", Headers(REQUEST))
    assert caught.value.status == 405
    assert ("Allow", "GET") in caught.value.headers


@pytest.mark.parametrize("version", ["12", "8", "14", "013", "13, 8", "", "x" * 100])
def test_other_versions_than_13_are_refused(version: str) -> None:
    with pytest.raises(UnsupportedVersion) as caught:
        parse_request("GET", "/", with_fields(REQUEST, Sec_WebSocket_Version=version))
    assert caught.value.status == 426
    assert ("Sec-WebSocket-Version", "13") in caught.value.headers
    assert caught.value.section == "RFC 6455 section 4.4"


@pytest.mark.parametrize(
    "fields",
    [
        {"Host": None},
        {"Host": ""},
        {"Host": "a b"},
        {"Host": "a/b"},
        {"Host": "a:b"},
        {"Host": "user@a"},
        {"Upgrade": None},
        {"Upgrade": "h2c"},
        {"Upgrade": "websockets"},
        {"Upgrade": "websocket/13"},
        {"Upgrade": "web socket"},
        {"Connection": None},
        {"Connection": "keep-alive"},
        {"Connection": "close"},
        {"Connection": "Upgrade; x"},
        {"Sec_WebSocket_Version": None},
        {"Sec_WebSocket_Key": None},
        {"Sec_WebSocket_Key": ""},
        {"Sec_WebSocket_Key": KEY[:-1]},
        {"Sec_WebSocket_Key": KEY + "A"},
        {"Sec_WebSocket_Key": "A" * 24},
        {"Sec_WebSocket_Key": "A" * 21 + "B=="},
        {"Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAA-=="},
        {"Sec_WebSocket_Protocol": "a b"},
        {"Sec_WebSocket_Protocol": "chat, chat"},
        {"Sec_WebSocket_Extensions": "; x"},
        {"Content_Length": "0"},
        {"Content_Length": "5"},
        {"Transfer_Encoding": "chunked"},
        {"X_Name": "caf\xe9"},
        {"Host": "ex\xe4mple.com"},
    ],
    ids=str,
)
def test_malformed_request_is_refused_with_400(fields: dict[str, str | None]) -> None:
    with pytest.raises(MalformedHandshake) as caught:
        parse_request("GET", "/", with_fields(REQUEST, **fields))
    assert caught.value.status == 400
    assert caught.value.section.startswith("RFC ")


@pytest.mark.parametrize("name", ["Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Origin"])
def test_field_that_may_come_once_is_refused_twice(name: str) -> None:
    value = REQUEST.get(name, "https://a.example")
    once = Headers({**REQUEST, name: value})
    assert parse_request("GET", "/", once).headers == once
    with pytest.raises(MalformedHandshake, match=f"(?i){name} is there 2 times"):
        parse_request("GET", "/", Headers([*once, (name.lower(), value)]))


# Origins


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://example.com", ["https://example.com"]),
        ("https://example.com", ["http://a", "https://example.com"]),
        ("https://example.com", ["https://example.com:443"]),
        ("https://example.com:443", ["https://example.com"]),
        ("http://example.com", ["http://example.com:80"]),
        ("http://example.com:80", ["http://example.com"]),
        ("HTTPS://Example.COM", ["https://example.com"]),
        ("http://[::1]:8080", ["http://[::1]:8080"]),
        ("app://x", ["app://x"]),
        ("null", ["null"]),
        ("null", ["*"]),
        ("anything at all", ["*"]),
        ("https://a.example.com", ["https://*.example.com"]),
        ("https://a.b.example.com", ["https://*.example.com"]),
        ("https://a.example.com:443", ["https://*.example.com"]),
        ("http://a.example.com:81", ["http://*.example.com:81"]),
    ],
)
def test_origin_is_allowed(origin: str, allowed: list[str]) -> None:
    check_origin(request_with(origin), allowed, False)
    assert request_with(origin).origin == origin


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://example.com", []),
        ("https://example.com", ["http://example.com"]),
        ("http://example.com", ["https://example.com"]),
        ("https://example.com:444", ["https://example.com"]),
        ("https://example.com", ["https://example.com:444"]),
        ("https://example.com:80", ["https://example.com"]),
        ("https://example.com.evil.example", ["https://example.com"]),
        ("https://evilexample.com", ["https://example.com"]),
        ("https://sub.example.com", ["https://example.com"]),
        ("https://example.com/", ["https://example.com"]),
        ("https://example.com", ["example.com"]),
        ("https://example.com", [""]),
        ("null", ["https://example.com"]),
        ("null", ["garbage"]),
        ("", ["https://example.com"]),
        ("https://a https://example.com", ["https://example.com"]),
        ("https://example.com", ["https://*.example.com"]),
        ("https://evilexample.com", ["https://*.example.com"]),
        ("http://a.example.com", ["https://*.example.com"]),
        ("https://a.example.com:8443", ["https://*.example.com"]),
        ("null", ["https://*.example.com"]),
        ("https://a.example.com", ["https://*.bad host"]),
        ("https://example.com", ["https://*"]),
        ("https://example.com.evil.example", ["https://*.example.com"]),
    ],
)
def test_origin_is_refused_with_403(origin: str, allowed: list[str]) -> None:
    with pytest.raises(OriginNotAllowed) as caught:
        check_origin(request_with(origin), allowed, True)
    assert caught.value.status == 403
    assert caught.value.section == "RFC 6455 section 10.2"


def test_missing_origin_is_let_in_only_where_that_is_said() -> None:
    check_origin(request_with(None), [], True)
    with pytest.raises(OriginNotAllowed, match="Origin is missing"):
        check_origin(request_with(None), ["*"], False)


# Hosts


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("example.com", ["example.com"]),
        ("EXAMPLE.com", ["example.COM"]),
        ("example.com:8080", ["example.com"]),
        ("example.com:8080", ["example.com:8080"]),
        ("example.com", ["a", "example.com"]),
        ("[::1]:80", ["[::1]"]),
        ("127.0.0.1", ["127.0.0.1"]),
    ],
)
def test_host_is_served(host: str, allowed: list[str]) -> None:
    check_host(request_with(host=host), allowed)
    assert request_with(host=host).host == host


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("example.com", []),
        ("example.com", ["example.org"]),
        ("example.com:8080", ["example.com:8081"]),
        ("example.com", ["example.com:8080"]),
        ("a.example.com", ["example.com"]),
        ("example.com", ["*"]),
        ("example.com", ["not a host"]),
        ("not a host", ["not a host"]),
    ],
)
def test_host_is_refused_with_421(host: str, allowed: list[str]) -> None:
    with pytest.raises(HostNotAllowed) as caught:
        check_host(request_with(host=host), allowed)
    assert caught.value.status == 421


# Subprotocols and header fields of a configuration


def test_subprotocols_keep_their_order() -> None:
    assert check_subprotocols(iter(["b", "a"])) == ("b", "a")
    assert check_subprotocols([]) == ()


@pytest.mark.parametrize("names", ["chat", "", [b"chat"], [None], 5])
def test_subprotocols_that_are_no_list_of_strings_are_a_type_error(names: Any) -> None:
    with pytest.raises(TypeError):
        check_subprotocols(names)


@pytest.mark.parametrize("names", [["a", "a"], ["a b"], [""], ["a,b"], ["a\r\n"], ["\xe9"]])
def test_subprotocols_that_cannot_be_sent_are_refused(names: list[str]) -> None:
    with pytest.raises(LocalProtocolError):
        check_subprotocols(names)


RESERVED = [
    "Connection",
    "Content-Length",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Transfer-Encoding",
    "Upgrade",
]


@pytest.mark.parametrize("name", [*RESERVED, *map(str.lower, RESERVED)])
def test_fields_of_the_handshake_itself_cannot_be_added(name: str) -> None:
    extra = Headers({name: "1"})
    with pytest.raises(LocalProtocolError, match="the handshake's own"):
        request_headers("a", Offer(KEY, (), ()), None, extra)
    with pytest.raises(LocalProtocolError, match="the handshake's own"):
        response_headers(parse_request("GET", "/", Headers(REQUEST)), None, (), extra)


@pytest.mark.parametrize("extra", [{"X": "a\nb"}, {"X Y": "a"}, {"X": " a"}, {"X": "\xe9"}])
def test_fields_that_cannot_be_sent_cannot_be_added(extra: dict[str, str]) -> None:
    request = parse_request("GET", "/", Headers(REQUEST))
    with pytest.raises(LocalProtocolError, match="header field"):
        response_headers(request, None, (), Headers(extra))
    with pytest.raises(LocalProtocolError, match="header field"):
        request_headers("a", Offer(KEY, (), ()), None, Headers(extra))


@pytest.mark.parametrize(
    "fields",
    [
        {"Sec_WebSocket_Version": "1" * 9000},
        {"Sec_WebSocket_Protocol": "a b" * 3000},
        {"Sec_WebSocket_Extensions": "a b" * 3000},
        {"Connection": "a b" * 3000},
        {"X" * 9000: "\xe9"},
    ],
    ids=range(5),
)
def test_messages_are_short_whatever_a_request_says(fields: dict[str, str | None]) -> None:
    with pytest.raises(HandshakeError) as caught:
        parse_request("GET", "/", with_fields(REQUEST, **fields))
    assert len(str(caught.value)) < 200
    with pytest.raises(OriginNotAllowed) as refused:
        check_origin(request_with("x" * 9000), [], False)
    assert len(str(refused.value)) < 200
    with pytest.raises(HostNotAllowed) as misdirected:
        check_host(request_with(host="x" * 9000), [])
    assert len(str(misdirected.value)) < 200


# Extensions


@dataclass(frozen=True)
class Named(Extension):
    """An extension that agrees to whatever has no parameter named "no"."""

    name: ExtensionName  # type: ignore[misc]
    rsv: int = 0  # type: ignore[misc]

    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        return ((("best", None),), ())

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        return None if ("no", None) in parameters else Agreement(self, tuple(parameters))

    def confirm(self, parameters: Sequence[ExtensionParameter]) -> Extension:
        if ("no", None) in parameters:
            raise NegotiationError("named: no")
        return self

    def codec(self, role: Role) -> Codec:
        raise AssertionError("to negotiate takes no codec")


def named(name: str, rsv: int = 0) -> Named:
    return Named(ExtensionName(name), rsv)


def offers(*names: str) -> list[ExtensionOffer]:
    return [(ExtensionName(name), ()) for name in names]


def test_client_order_decides_among_extensions() -> None:
    first, second = named("first"), named("second")
    agreed, answers = negotiate_extensions(offers("second", "first"), [first, second])
    assert agreed == (second, first)
    assert answers == (("second", ()), ("first", ()))


def test_unknown_extension_is_passed_over() -> None:
    agreed, answers = negotiate_extensions(offers("unknown", "known"), [named("known")])
    assert agreed == (named("known"),)
    assert answers == (("known", ()),)


def test_declined_offer_gives_way_to_the_next_one() -> None:
    name = ExtensionName("named")
    agreed, answers = negotiate_extensions(
        [(name, (("no", None),)), (name, (("a", "b"),)), (name, ())], [named("named")]
    )
    assert agreed == (named("named"),)
    assert answers == ((name, (("a", "b"),)),)


def test_second_extension_that_claims_a_bit_is_declined() -> None:
    one, two, three = named("one", 0x40), named("two", 0x60), named("three", 0x20)
    assert negotiate_extensions(offers("one", "two", "three"), [one, two, three]) == (
        (one, three),
        (("one", ()), ("three", ())),
    )
    assert negotiate_extensions(offers("two", "one", "three"), [one, two, three])[0] == (two,)


def test_alternatives_of_one_name_are_tried_in_the_servers_order() -> None:
    small = PerMessageDeflate(client_max_window_bits=9)
    free = PerMessageDeflate()
    (agreed,), _ = negotiate_extensions(offers("permessage-deflate"), [small, free])
    assert isinstance(agreed, PerMessageDeflate)
    assert agreed.client_max_window_bits == 15


# The server's answer


def test_answer_has_its_fields_in_order() -> None:
    request = parse_request("GET", "/", with_fields(REQUEST, Sec_WebSocket_Protocol="a, b"))
    headers = response_headers(
        request, "b", [(ExtensionName("x"), (("y", "z"), ("w", None)))], Headers({"Server": "s"})
    )
    assert list(headers) == [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", ACCEPT),
        ("Sec-WebSocket-Protocol", "b"),
        ("Sec-WebSocket-Extensions", "x; y=z; w"),
        ("Server", "s"),
    ]


def test_answer_without_options_is_the_least() -> None:
    request = parse_request("GET", "/", Headers(REQUEST))
    assert list(response_headers(request, None, (), Headers())) == list(RESPONSE.items())


@pytest.mark.parametrize("subprotocol", ["c", "A", "", "a, b", "a\r\n"])
def test_subprotocol_that_the_client_does_not_speak_is_refused(subprotocol: str) -> None:
    request = parse_request("GET", "/", with_fields(REQUEST, Sec_WebSocket_Protocol="a, b"))
    with pytest.raises(LocalProtocolError, match="not one that the client speaks"):
        response_headers(request, subprotocol, (), Headers())


# The client's request


def test_request_has_its_fields_in_order() -> None:
    offer = Offer(KEY, (Subprotocol("a"), Subprotocol("b")), (named("x"), named("y")))
    headers = request_headers("h:81", offer, "https://o", Headers({"User-Agent": "u"}))
    assert list(headers) == [
        ("Host", "h:81"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
        ("Origin", "https://o"),
        ("Sec-WebSocket-Protocol", "a, b"),
        ("Sec-WebSocket-Extensions", "x; best, x, y; best, y"),
        ("User-Agent", "u"),
    ]


def test_plain_request_has_no_empty_fields() -> None:
    headers = request_headers("h", Offer(KEY, (), ()), None, Headers())
    assert [name for name, _ in headers] == [
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
    ]
    assert parse_request("GET", "/", headers).host == "h"


@pytest.mark.parametrize(
    ("host", "origin", "extra"),
    [
        ("a b", None, {}),
        ("", None, {}),
        ("a\r\nb", None, {}),
        ("a", None, {"Host": "b"}),
        ("a", "o\r\nX: y", {}),
        ("a", "\xe9", {}),
        ("a", None, {"X": "y\0"}),
        ("a", None, {"X Y": "z"}),
        ("a", "https://o", {"Origin": "https://p"}),
    ],
)
def test_request_that_cannot_be_sent_is_refused(
    host: str, origin: str | None, extra: dict[str, str]
) -> None:
    with pytest.raises(LocalProtocolError):
        request_headers(host, Offer(KEY, (), ()), origin, Headers(extra))


# The client reads the answer

OFFER = Offer(
    KEY, (Subprotocol("a"), Subprotocol("b")), (named("x", 0x20), named("y", 0x20), named("z"))
)


def test_answer_tells_what_was_agreed() -> None:
    headers = with_fields(
        RESPONSE, Sec_WebSocket_Protocol="b", Sec_WebSocket_Extensions="z; p=q, x", X_Other="o"
    )
    assert check_response(headers, OFFER) == AcceptConnection(
        "b", (named("z"), named("x", 0x20)), headers
    )


def test_answer_may_grant_nothing() -> None:
    headers = Headers(RESPONSE)
    assert check_response(headers, OFFER) == AcceptConnection(None, (), headers)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"Upgrade": None}, MalformedHandshake),
        ({"Upgrade": "h2c"}, MalformedHandshake),
        ({"Connection": None}, MalformedHandshake),
        ({"Connection": "close"}, MalformedHandshake),
        ({"Sec_WebSocket_Accept": None}, MalformedHandshake),
        ({"Sec_WebSocket_Accept": ""}, MalformedHandshake),
        ({"Sec_WebSocket_Accept": ACCEPT.lower()}, MalformedHandshake),
        ({"Sec_WebSocket_Accept": ACCEPT + "="}, MalformedHandshake),
        ({"Content_Length": "5"}, MalformedHandshake),
        ({"Transfer_Encoding": "chunked"}, MalformedHandshake),
        ({"Sec_WebSocket_Protocol": "c"}, NegotiationError),
        ({"Sec_WebSocket_Protocol": "a, b"}, NegotiationError),
        ({"Sec_WebSocket_Protocol": ""}, NegotiationError),
        ({"Sec_WebSocket_Extensions": "unknown"}, NegotiationError),
        ({"Sec_WebSocket_Extensions": "z, z"}, NegotiationError),
        ({"Sec_WebSocket_Extensions": "x, y"}, NegotiationError),
        ({"Sec_WebSocket_Extensions": "z; no"}, NegotiationError),
        ({"Sec_WebSocket_Extensions": "z z"}, MalformedHandshake),
    ],
    ids=str,
)
def test_answer_that_does_not_fit_the_offer_is_refused(
    fields: dict[str, str | None], error: type[HandshakeError]
) -> None:
    with pytest.raises(error) as caught:
        check_response(with_fields(RESPONSE, **fields), OFFER)
    assert type(caught.value) is error


@pytest.mark.parametrize("name", ["Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"])
def test_field_that_may_come_once_is_refused_twice_by_the_client(name: str) -> None:
    once = Headers({**RESPONSE, "Sec-WebSocket-Protocol": "a"})
    assert check_response(once, OFFER).subprotocol == "a"
    with pytest.raises(MalformedHandshake, match="is there 2 times"):
        check_response(Headers([*once, (name, once[name])]), OFFER)
