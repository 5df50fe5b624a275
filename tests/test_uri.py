"""ws:// and wss:// URIs and IRIs: their parts, their normal form, and what is refused."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import FrozenInstanceError, replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproto_core.exceptions import InvalidURI, LocalProtocolError
from wsproto_core.uri import WebSocketURI, parse_uri

URIS = {
    "ws://a": WebSocketURI(False, "a", 80, "/", None),
    "wss://a": WebSocketURI(True, "a", 443, "/", None),
    "WsS://EXAMPLE.com": WebSocketURI(True, "example.com", 443, "/", None),
    "ws://a:": WebSocketURI(False, "a", 80, "/", None),
    "ws://a:80/": WebSocketURI(False, "a", 80, "/", None),
    "ws://a:443/": WebSocketURI(False, "a", 443, "/", None),
    "ws://a:1": WebSocketURI(False, "a", 1, "/", None),
    "wss://a:65535": WebSocketURI(True, "a", 65535, "/", None),
    "ws://a/b/../c//": WebSocketURI(False, "a", 80, "/b/../c//", None),
    "ws://a//b": WebSocketURI(False, "a", 80, "//b", None),
    "ws://a?": WebSocketURI(False, "a", 80, "/", ""),
    "ws://a?b=c": WebSocketURI(False, "a", 80, "/", "b=c"),
    "ws://a/b?c?d/e&f=%23": WebSocketURI(False, "a", 80, "/b", "c?d/e&f=%23"),
    "ws://a/b@c:d?e@f": WebSocketURI(False, "a", 80, "/b@c:d", "e@f"),
    "ws://127.0.0.1:8080/": WebSocketURI(False, "127.0.0.1", 8080, "/", None),
    "ws://[2001:DB8::1]/": WebSocketURI(False, "2001:db8::1", 80, "/", None),
    "wss://[::1]:8443/": WebSocketURI(True, "::1", 8443, "/", None),
    "ws://a/%2f%2F%25": WebSocketURI(False, "a", 80, "/%2f%2F%25", None),
    "ws://a/-._~:@!$&'()*+,;=": WebSocketURI(False, "a", 80, "/-._~:@!$&'()*+,;=", None),
    'ws://a/"<>^`{|}[]?"<>^`{|}[]': WebSocketURI(
        False, "a", 80, "/%22%3C%3E%5E%60%7B%7C%7D%5B%5D", "%22%3C%3E%5E%60%7B%7C%7D%5B%5D"
    ),
    "ws://u@a": WebSocketURI(False, "a", 80, "/", None, "u", ""),
    "ws://u:@a": WebSocketURI(False, "a", 80, "/", None, "u", ""),
    "ws://:p@a": WebSocketURI(False, "a", 80, "/", None, "", "p"),
    "ws://@a": WebSocketURI(False, "a", 80, "/", None),
    "ws://u:p:q@a:81": WebSocketURI(False, "a", 81, "/", None, "u", "p:q"),
    "ws://%75%3A:%40%2F%C3%A9+@a": WebSocketURI(False, "a", 80, "/", None, "u:", "@/é+"),
    "wss://é:ü@[::1]:1/é?ü=%C3%A9": WebSocketURI(
        True, "::1", 1, "/%C3%A9", "%C3%BC=%C3%A9", "é", "ü"
    ),
    "ws://Bücher.Example:81": WebSocketURI(False, "xn--bcher-kva.example", 81, "/", None),
    "ws://b%C3%BCcher.example": WebSocketURI(False, "xn--bcher-kva.example", 80, "/", None),
    "ws://%65xample%2Ecom": WebSocketURI(False, "example.com", 80, "/", None),
    "ws://例え。テスト": WebSocketURI(False, "xn--r8jz45g.xn--zckzah", 80, "/", None),
    "ws://a/\U0001f600": WebSocketURI(False, "a", 80, "/%F0%9F%98%80", None),
}


@pytest.mark.parametrize(("uri", "expected"), URIS.items(), ids=ascii)
def test_parts_of_a_uri(uri: str, expected: WebSocketURI) -> None:
    assert parse_uri(uri) == expected


@pytest.mark.parametrize("uri", URIS, ids=ascii)
def test_normal_form_has_the_same_parts_but_no_userinfo(uri: str) -> None:
    parsed = parse_uri(uri)
    assert str(parsed).isascii()
    assert "@" not in str(parsed).partition("://")[2].partition("/")[0]
    assert parse_uri(str(parsed)) == replace(parsed, username=None, password=None)
    assert str(parse_uri(str(parsed))) == str(parsed)


REFUSED = [
    # Scheme and shape.
    "", "a", "/", "//a", "ws", "ws:", "ws:/", "ws:a", "ws:/a", "ws//a", "http://a", "https://a",
    "wsss://a", "sws://a", "ws+unix://a", "w\u017f://a", "ws:\\\\a", "://a",
    # Host.
    "ws://", "ws:///", "ws:///b", "ws://?b", "ws://:80", "ws://u@", "ws://u:p@/b", "ws://u@:80",
    "ws://u@b@a", "ws://[", "ws://[]", "ws://[::1", "ws://::1", "ws://[::1]a", "ws://[a]",
    "ws://a]", "ws://[1.2.3.4]", "ws://[fe80::1%25eth0]", "ws://[::1]]", "ws://[é]", "ws://a^b",
    "ws://a|b", "ws://<a>", 'ws://"a"',
    # Names with no IDNA form, or with one that is no name.
    "ws://é..a", "ws://.é", "ws://é" + "a" * 63, "ws://" + "é." * 200 + "a", "ws://\u00ad",
    "ws://xn--é", "ws://a\u2100b", "ws://a\uff1a81", "ws://a\uff0fb", "ws://a\uff20b",
    "ws://a\uff05b", "ws://\uff3b::1\uff3d", "ws://a\u3000b", "ws://a%2Fb", "ws://a%3A81",
    "ws://a%00", "ws://a%20b", "ws://a%40b", "ws://a%2541", "ws://%FF", "ws://é%C3",
    "ws://a%2E%2Eb",
    # Port.
    "ws://a:0", "ws://a:00000", "ws://a:65536", "ws://a:100000", "ws://a:-1", "ws://a:+1",
    "ws://a:1x", "ws://a:x", "ws://a:1:2", "ws://a:\u0661", "ws://a:1_0", "ws://[::1]:x",
    "ws://a:%31", "ws://é:x",
    # Fragment.
    "ws://a#", "ws://a/#", "ws://a/b#c", "ws://a?b#c", "ws://#", "ws://u#p@a",
    # Percent signs and what stands behind them.
    "ws://a/%", "ws://a/%2", "ws://a/%zz", "ws://a/%2\u0661", "ws://a?100%", "ws://u%@a",
    "ws://u:%4@a", "ws://%FF@a", "ws://u:%C3@a", "ws://u:%C3é@a", "ws://%ED%A0%80@a",
    "ws://%c0%80@a", "ws://a%",
]  # fmt: skip


@pytest.mark.parametrize("uri", REFUSED, ids=lambda uri: ascii(uri[:24]))
def test_refuses_what_is_no_websocket_uri(uri: str) -> None:
    with pytest.raises(InvalidURI):
        parse_uri(uri)


FORBIDDEN = [*range(0x21), ord("\\"), *range(0x7F, 0xA0), 0xD800, 0xDC80, 0xDFFF]


@pytest.mark.parametrize("code", FORBIDDEN)
def test_refuses_controls_spaces_backslashes_and_surrogates_anywhere(code: int) -> None:
    uri = "ws://u:p@a:80/b?c"
    for position in range(len(uri) + 1):
        with pytest.raises(InvalidURI, match="spaces, control characters or backslashes"):
            parse_uri(uri[:position] + chr(code) + uri[position:])


@pytest.mark.parametrize("uri", [None, b"ws://a", 1, parse_uri("ws://a")])
def test_refuses_what_is_no_str(uri: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(uri).__name__}"):
        parse_uri(uri)


def test_refusal_is_an_error_of_the_caller_and_says_what_to_do() -> None:
    with pytest.raises(LocalProtocolError, match="write %23 for '#'"):
        parse_uri("ws://a/b#c")
    with pytest.raises(LocalProtocolError, match="port 0"):
        parse_uri("ws://a:0")


WITH_PASSWORD = [
    "ws://u:secret@a:x", "ws://u:x@secret@a", "ws://u:secret/x@a", "ws://u:12/secret@a#",
    "ws://u:secret%FF@a", "ws://u:sec ret@a", "http://u:secret@a", "ws://u:secret@é..a",
]  # fmt: skip


@pytest.mark.parametrize("uri", WITH_PASSWORD, ids=ascii)
def test_no_error_shows_a_password(uri: str) -> None:
    with pytest.raises(InvalidURI) as caught:
        parse_uri(uri)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_repr_shows_neither_user_name_nor_password() -> None:
    uri = parse_uri("wss://somebody:secret@a:81/b?c")
    assert repr(uri) == "WebSocketURI(secure=True, host='a', port=81, path='/b', query='c')"
    assert str(uri) == "wss://a:81/b?c"


def test_target_is_path_and_query() -> None:
    assert parse_uri("ws://a").target == "/"
    assert parse_uri("ws://a?").target == "/?"
    assert parse_uri("ws://a?b").target == "/?b"
    assert parse_uri("ws://a/b?c=é").target == "/b?c=%C3%A9"


@pytest.mark.parametrize(
    ("uri", "authority"),
    [
        ("ws://u:p@a:80", "a"),
        ("ws://A:443", "a:443"),
        ("wss://a:443", "a"),
        ("wss://a:80", "a:80"),
        ("ws://[::1]", "[::1]"),
        ("ws://[::1]:81", "[::1]:81"),
    ],
)
def test_authority_leaves_out_the_default_port(uri: str, authority: str) -> None:
    assert parse_uri(uri).authority == authority


def test_is_a_value() -> None:
    uri: Any = parse_uri("wss://u:p@a/b?c")
    assert uri == parse_uri("WSS://u:p@A:443/b?c")
    assert hash(uri) == hash(parse_uri("WSS://u:p@A:443/b?c"))
    assert uri != parse_uri("wss://u:q@a/b?c")
    assert pickle.loads(pickle.dumps(uri)) == uri
    with pytest.raises(FrozenInstanceError):
        uri.host = "b"


def test_huge_uris_are_parsed_or_refused() -> None:
    size = 1 << 20
    assert len(parse_uri("ws://a/" + "é" * size).path) == 6 * size + 1
    assert parse_uri(f"ws://{'u' * size}:{'p' * size}@a").password == "p" * size
    for uri in ("ws://" + "é" * size, "ws://" + "[" * size, "ws://a" + ":" * size, "ws" * size):
        with pytest.raises(InvalidURI) as caught:
            parse_uri(uri)
        assert len(str(caught.value)) < 200


ports = st.none() | st.integers(1, 65535)
hosts = st.from_regex(r"[a-z0-9]([a-z0-9\-]{0,10}[a-z0-9])?(\.[a-z]{2,5})?", fullmatch=True)
addresses = st.ip_addresses().map(
    lambda address: f"[{address}]" if address.version == 6 else f"{address}"
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.booleans(), hosts | addresses, ports, texts, st.none() | texts, texts, texts)
def test_parts_survive_being_put_together(
    secure: bool,
    host: str,
    port: int | None,
    path: str,
    query: str | None,
    username: str,
    password: str,
) -> None:
    scheme = "wss" if secure else "ws"
    resource = f"/{quote(path)}" + ("" if query is None else f"?{quote(query)}")
    userinfo = f"{quote(username, safe='')}:{quote(password, safe='')}"
    shown_port = "" if port is None else f":{port}"
    uri = parse_uri(f"{scheme}://{userinfo}@{host}{shown_port}{resource}")
    assert (uri.scheme, uri.secure, uri.target) == (scheme, secure, resource)
    assert (uri.username, uri.password) == (username, password)
    assert uri.port == (port or (443 if secure else 80))
    assert uri.host == host.strip("[]")
    assert parse_uri(str(uri)) == replace(uri, username=None, password=None)


@given(st.text('wWsS:/?#@[]%25a.é\uff1aß\u3002"^\\ \t\n', max_size=24) | texts)
def test_any_text_is_a_uri_in_normal_form_or_refused(text: str) -> None:
    for uri in (text, f"ws://{text}", f"wss://u:{text}@a{text}/{text}?{text}"):
        try:
            parsed = parse_uri(uri)
        except InvalidURI:
            continue
        assert str(parsed).isascii()
        assert parsed.target.isprintable()
        assert parse_uri(str(parsed)) == replace(parsed, username=None, password=None)
