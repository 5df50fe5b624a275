"""What does a tunnel ask of an HTTP proxy, and what does it make of any answer?"""

from __future__ import annotations

import copy
import gc
import pickle
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

import pytest
from effort import examples
from expect import measure, whole_and_bytewise
from hypothesis import given
from hypothesis import strategies as st
from plans import changed
from wire import RESPONSE, cut, head, new_client

from wsproto_core import (
    AcceptConnection,
    ConnectionLost,
    ConnectionState,
    Event,
    HandshakeError,
    HandshakeFailed,
    Headers,
    HeadTooLarge,
    HTTPVersionNotSupported,
    InvalidURI,
    Limits,
    LocalProtocolError,
    MalformedHandshake,
    ProxyTunnel,
    RejectConnection,
    RejectData,
    TunnelEstablished,
    WebSocketURI,
    __version__,
    parse_uri,
)

PROXY = "http://proxy.example:3128"
URI = "wss://example.com/chat"
OK = head("HTTP/1.1 200 Connection established")
SMALL = Limits(max_head_size=300, max_head_line=100, max_head_fields=5, max_reject_body=20)
ENDED = (ConnectionState.CLOSED, ConnectionState.OPEN)


def asked(tunnel: ProxyTunnel) -> list[str]:
    """The lines of the request."""
    data = tunnel.data_to_send()
    assert data.endswith(b"\r\n\r\n")
    return data.decode("ascii").split("\r\n")[:-2]


def answered(
    data: bytes, size: int | None = None, eof: bool = False, **options: Any
) -> tuple[ProxyTunnel, list[Event]]:
    """A tunnel whose proxy has sent `data`, in pieces, and what came of it."""
    tunnel = ProxyTunnel(PROXY, URI, **options)
    events = [event for piece in cut(data, size) for event in tunnel.receive_data(piece)]
    if eof:
        events += tunnel.receive_eof()
    return tunnel, events


# The request


def test_the_request_names_the_other_end_of_the_tunnel() -> None:
    tunnel = ProxyTunnel(PROXY, URI)
    assert asked(tunnel) == [
        "CONNECT example.com:443 HTTP/1.1",
        "Host: example.com:443",
        f"User-Agent: wsproto_core/{__version__}",
    ]
    assert tunnel.data_to_send() == b""
    assert tunnel.address == ("proxy.example", 3128)
    assert tunnel.uri == parse_uri(URI)
    assert not tunnel.secure
    assert tunnel.state is ConnectionState.CONNECTING
    assert tunnel.response is tunnel.error is None
    assert not tunnel.finished


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("ws://example.com/a?b", "example.com:80"),
        ("ws://example.com:8080", "example.com:8080"),
        ("WSS://EXAMPLE.com", "example.com:443"),
        ("ws://[2001:DB8::1]", "[2001:db8::1]:80"),
        ("wss://192.0.2.1:1/", "192.0.2.1:1"),
        ("wss://b\u00fccher.example/", "xn--bcher-kva.example:443"),
        ("wss://alice:secret@example.com/", "example.com:443"),
    ],
)
def test_the_port_is_always_named_and_the_host_as_on_the_wire(uri: str, target: str) -> None:
    for given_uri in (uri, parse_uri(uri)):
        lines = asked(ProxyTunnel(PROXY, given_uri, user_agent=None))
        assert lines == [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]


@pytest.mark.parametrize(
    ("proxy", "address", "secure"),
    [
        ("http://proxy", ("proxy", 80), False),
        ("http://proxy/", ("proxy", 80), False),
        ("HTTP://Proxy:3128/", ("proxy", 3128), False),
        ("https://proxy", ("proxy", 443), True),
        ("HTTPS://PROXY", ("proxy", 443), True),
        ("https://proxy:3129", ("proxy", 3129), True),
        ("http://[::1]:3128", ("::1", 3128), False),
        ("http://192.0.2.1:8080", ("192.0.2.1", 8080), False),
        ("http://b\u00fccher.example", ("xn--bcher-kva.example", 80), False),
    ],
)
def test_the_uri_of_the_proxy_says_where_to_connect(
    proxy: str, address: tuple[str, int], secure: bool
) -> None:
    tunnel = ProxyTunnel(proxy, URI)
    assert (tunnel.address, tunnel.secure) == (address, secure)
    assert not any(line.startswith("Proxy-Authorization") for line in asked(tunnel))


@pytest.mark.parametrize(
    ("userinfo", "credentials"),
    [
        ("alice:secret", "alice:secret"),
        ("alice", "alice:"),
        (":secret", ":secret"),
        ("alice:a%3Ab%40c%20d:e", "alice:a:b@c d:e"),
        ("Al%C3%A9:p\u00e4ss", "Al\u00e9:p\u00e4ss"),
    ],
)
def test_credentials_of_the_proxy_are_sent_to_it(userinfo: str, credentials: str) -> None:
    tunnel = ProxyTunnel(f"http://{userinfo}@proxy:3128", "ws://other:one@example.com")
    expected = b64encode(credentials.encode()).decode()
    assert asked(tunnel)[3:] == [f"Proxy-Authorization: Basic {expected}"]
    assert "secret" not in repr(tunnel)


def test_extra_fields_are_sent_and_may_authenticate_in_another_way() -> None:
    extra = [("Proxy-Authorization", "Bearer abc"), (b"User-Agent", b"mine"), ("X-A", "b")]
    assert asked(ProxyTunnel(PROXY, URI, extra_headers=extra))[2:] == [
        "Proxy-Authorization: Bearer abc",
        "User-Agent: mine",
        "X-A: b",
    ]


@pytest.mark.parametrize(
    "proxy",
    [
        "",
        "proxy:3128",
        "//proxy:3128",
        "ws://proxy",
        "socks5://proxy",
        "http://",
        "http://:3128",
        "http://proxy:0",
        "http://proxy:65536",
        "http://proxy:x",
        "http://proxy/path",
        "http://proxy//",
        "http://proxy?",
        "http://proxy#",
        "http://pro xy",
        "http://proxy\r\n",
        "http://secret%zz@proxy",
        "http://secret%ff@proxy",
        "http://[::1",
        "http://a@secret@proxy",
    ],
)
def test_what_is_no_uri_of_a_proxy_is_refused_and_not_shown(proxy: str) -> None:
    with pytest.raises(InvalidURI) as caught:
        ProxyTunnel(proxy, URI)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "extra",
    [
        [("X", "a\r\nb")],
        [("X", "a\0")],
        [("X", "\u20ac")],
        [("X", " a")],
        [("X Y", "a")],
        [("X\r\nY", "a")],
        [("", "a")],
        [("Host", "other")],
        [("Content-Length", "5")],
        [("transfer-encoding", "chunked")],
        [("Connection", "close")],
        [("Upgrade", "websocket")],
        [("Proxy-Authorization", "Bearer abc")],
    ],
)
def test_fields_that_cannot_be_sent_are_refused(extra: Any) -> None:
    with pytest.raises(LocalProtocolError):
        ProxyTunnel("http://alice@proxy", URI, extra_headers=extra)


@pytest.mark.parametrize(
    "options",
    [
        {"uri": "http://example.com"},
        {"uri": "ws://example.com\r\nX: y"},
        {"uri": "ws://exa mple.com"},
        {"user_agent": "a\r\nb"},
        {"user_agent": "a\nb"},
        {"proxy": "http://alice:a%0D%0Ab@proxy"},
        {"proxy": "http://a%3Ab:c@proxy"},
        *[
            {"uri": WebSocketURI(False, host, 80, "/", None)}
            for host in ("", "a\r\nb", "a b", "a/b", "a@b", "a\0", "\u00fc", "a?b", "::zz")
        ],
        {"uri": WebSocketURI(False, "a", 65536, "/", None)},
    ],
)
def test_what_would_change_the_request_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        ProxyTunnel(**{"proxy": PROXY, "uri": URI, **options})


@pytest.mark.parametrize(
    "options",
    [
        {"proxy": None},
        {"proxy": b"http://proxy"},
        {"uri": None},
        {"uri": b"ws://example.com"},
        {"limits": None},
        {"extra_headers": 5},
        {"extra_headers": "X: y"},
        {"user_agent": 5},
    ],
)
def test_arguments_of_another_type_are_type_errors(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        ProxyTunnel(**{"proxy": PROXY, "uri": URI, **options})


# Yes


@whole_and_bytewise
@pytest.mark.parametrize(
    "line",
    [
        "HTTP/1.1 200 Connection established",
        "HTTP/1.0 200 Connection established",
        "HTTP/1.1 200 ",
        "HTTP/1.1 200",
        "HTTP/1.1 201 Created",
        "HTTP/1.1 204 No Content",
        "HTTP/1.1 299 x",
    ],
)
def test_any_2xx_opens_the_tunnel(line: str, size: int | None) -> None:
    tunnel, events = answered(head(line, "Via: 1.1 proxy"), size)
    assert events == [TunnelEstablished(Headers({"Via": "1.1 proxy"}))]
    assert tunnel.response is events[0]
    assert tunnel.state is ConnectionState.OPEN
    assert tunnel.trailing_data == b""
    assert not tunnel.finished
    assert tunnel.error is None


@whole_and_bytewise
@pytest.mark.parametrize("rest", [b"x", b"\r\n", b"HTTP/1.1 403 x\r\n\r\n", bytes(100_000)])
def test_what_comes_behind_a_2xx_is_kept(rest: bytes, size: int | None) -> None:
    tunnel, events = answered(OK + rest, size and 1000)
    assert events == [TunnelEstablished()]
    assert tunnel.trailing_data == rest
    assert tunnel.state is ConnectionState.OPEN


def test_what_comes_behind_a_2xx_is_kept_until_its_event_and_after() -> None:
    tunnel = ProxyTunnel(PROXY, URI)
    tunnel.receive_data(OK[:9])
    tunnel.receive_data(OK[9:] + b"a")
    tunnel.receive_data(b"b")
    assert tunnel.trailing_data == b""
    assert next(tunnel.events()) == TunnelEstablished()
    assert tunnel.trailing_data == b"ab"
    assert list(tunnel.receive_data(bytearray(b"c"))) == []
    assert list(tunnel.receive_eof()) == []
    assert tunnel.trailing_data == b"abc"
    assert list(tunnel.receive_reset()) == []
    assert (tunnel.state, tunnel.error) == (ConnectionState.OPEN, None)


@whole_and_bytewise
@pytest.mark.parametrize(
    "fields",
    [
        ["Content-Length: 5"],
        ["content-length: 5", "Content-Length: 6"],
        ["Content-Length: x"],
        ["Transfer-Encoding: chunked"],
        ["TRANSFER-ENCODING: gzip, chunked", "Content-Length: 5"],
    ],
)
def test_the_framing_of_a_2xx_means_nothing(fields: list[str], size: int | None) -> None:
    answer = head("HTTP/1.1 200 OK", "A: b", *fields, "X-Content-Length: 1", "C: d")
    tunnel, events = answered(answer + b"first", size)
    kept = Headers({"A": "b", "X-Content-Length": "1", "C": "d"})
    assert events == [TunnelEstablished(kept)]
    assert tunnel.trailing_data == b"first"


@whole_and_bytewise
def test_interim_answers_are_skipped(size: int | None) -> None:
    interim = head("HTTP/1.1 100 Continue") + head("HTTP/1.1 103 Early Hints", "A: b")
    assert answered(interim + OK, size)[1] == [TunnelEstablished()]
    assert answered(interim + head("HTTP/1.1 502 x", "Content-Length: 0"), size)[1] == [
        RejectConnection(502, {"Content-Length": "0"})
    ]


def test_a_connection_goes_through_the_tunnel() -> None:
    tunnel = ProxyTunnel(PROXY, URI)
    client = new_client()
    assert list(tunnel.receive_data(OK + RESPONSE)) == [TunnelEstablished()]
    (event,) = client.receive_data(tunnel.trailing_data)
    assert isinstance(event, AcceptConnection)


# No


@whole_and_bytewise
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("status", [300, 301, 403, 407, 429, 502, 600, 999])
def test_a_refusal_is_data_and_so_is_its_body(status: int, version: str, size: int | None) -> None:
    fields = ["Proxy-Authenticate: Basic realm=x", "Content-Length: 4"]
    answer = head(f"HTTP/{version} {status} No", *fields) + b"why?"
    tunnel, events = answered(answer + b"more", size)
    headers = {"Proxy-Authenticate": "Basic realm=x", "Content-Length": "4"}
    assert events == [RejectConnection(status, headers, True), RejectData(b"why?")]
    assert tunnel.response is events[0]
    assert tunnel.state is ConnectionState.CLOSED
    assert tunnel.finished
    assert tunnel.error is None
    assert tunnel.trailing_data == b""


@whole_and_bytewise
@pytest.mark.parametrize(
    "answer",
    [
        head("HTTP/1.1 403 x", "Transfer-Encoding: chunked") + b"3\r\nwhy\r\n1\r\n?\r\n0\r\n\r\n",
        head("HTTP/1.1 403 x") + b"why?",
        head("HTTP/1.0 403 x") + b"why?",
    ],
    ids=["chunked", "until the end", "HTTP/1.0 until the end"],
)
def test_the_body_of_a_refusal_may_be_framed_in_any_way(answer: bytes, size: int | None) -> None:
    tunnel, events = answered(answer, size, eof=True)
    assert events[1:] == [RejectData(b"why?")]
    assert tunnel.finished


@whole_and_bytewise
@pytest.mark.parametrize(
    "answer",
    [
        head("HTTP/1.1 403 x", "Content-Length: 0"),
        head("HTTP/1.1 304 x"),
        OK.replace(b"200", b"304"),
    ],
)
def test_a_refusal_without_body_ends_at_once(answer: bytes, size: int | None) -> None:
    tunnel, events = answered(answer, size)
    (event,) = events
    assert isinstance(event, RejectConnection)
    assert not event.has_body
    assert tunnel.finished


@whole_and_bytewise
@pytest.mark.parametrize(
    ("length", "body", "expected", "truncated"),
    [
        (20, b"a" * 20, b"a" * 20, False),
        (21, b"a" * 21, b"a" * 20, True),
        (1 << 40, b"a" * 5000, b"a" * 20, True),
        (9, b"abc", b"abc", True),
    ],
)
def test_the_body_of_a_refusal_is_bounded(
    length: int, body: bytes, expected: bytes, truncated: bool, size: int | None
) -> None:
    answer = head("HTTP/1.1 407 x", f"Content-Length: {length}") + body
    tunnel, events = answered(answer, size, eof=True, limits=SMALL)
    assert events[1:] == [RejectData(expected, truncated=truncated)]
    assert tunnel.finished


@whole_and_bytewise
def test_a_body_without_end_is_cut_where_it_is_too_long(size: int | None) -> None:
    tunnel, events = answered(head("HTTP/1.1 403 x") + b"a" * 21, size, limits=SMALL)
    assert events[1:] == [RejectData(b"a" * 20, truncated=True)]
    assert tunnel.finished


@pytest.mark.parametrize("end", ["receive_eof", "receive_reset"])
def test_the_end_of_the_transport_ends_a_body_but_a_reset_cuts_it(end: str) -> None:
    tunnel, events = answered(head("HTTP/1.1 403 x") + b"why?")
    assert [type(event) for event in events] == [RejectConnection]
    assert tunnel.state is ConnectionState.REJECTING
    assert not tunnel.finished
    (event,) = getattr(tunnel, end)()
    assert event == RejectData(b"why?", truncated=end == "receive_reset")
    assert tunnel.finished


# Neither


BAD_ANSWERS: dict[str, tuple[bytes, type[HandshakeError]]] = {
    "another protocol": (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", MalformedHandshake),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x0a\n", MalformedHandshake),
    "no status": (head("HTTP/1.1 OK"), MalformedHandshake),
    "four digits": (head("HTTP/1.1 2000 OK"), MalformedHandshake),
    "status 099": (head("HTTP/1.1 099 OK"), MalformedHandshake),
    "switching": (
        head("HTTP/1.1 101 x", "Upgrade: websocket", "Connection: Upgrade"),
        MalformedHandshake,
    ),
    "HTTP/2": (head("HTTP/2.0 200 OK"), HTTPVersionNotSupported),
    "HTTP/0.9": (head("HTTP/0.9 200 OK"), HTTPVersionNotSupported),
    "interim HTTP/1.0": (head("HTTP/1.0 100 x") + OK, HTTPVersionNotSupported),
    "folded line": (head("HTTP/1.1 200 OK", "A: b", " c"), MalformedHandshake),
    "line feeds": (OK.replace(b"\r\n", b"\n"), MalformedHandshake),
    "bare CR": (head("HTTP/1.1 200 OK", "A: b\rC: d"), MalformedHandshake),
    "NUL": (head("HTTP/1.1 200 OK", "A: \0"), MalformedHandshake),
    "no colon": (head("HTTP/1.1 200 OK", "A"), MalformedHandshake),
    "blank ahead of a colon": (head("HTTP/1.1 200 OK", "Content-Length : 5"), MalformedHandshake),
    "2,000 fields": (head("HTTP/1.1 200 OK", *["A: b"] * 2000), HeadTooLarge),
    "a long line": (head("HTTP/1.1 200 OK", "A: " + "b" * 8192), HeadTooLarge),
    "a long status line": (head("HTTP/1.1 200 " + "b" * 8192), HeadTooLarge),
    "a large head": (head("HTTP/1.1 200 OK", *["A: " + "b" * 8000] * 9), HeadTooLarge),
    "two lengths": (
        head("HTTP/1.1 407 x", "Content-Length: 5", "Content-Length: 6"),
        MalformedHandshake,
    ),
}


@pytest.mark.parametrize("size", [None, 100, 1], ids=["whole", "pieces", "bytewise"])
@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_broken_answer_ends_as_a_value(name: str, size: int | None) -> None:
    data, kind = BAD_ANSWERS[name]
    tunnel, events = answered(data, size)
    (event,) = events
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is kind
    assert event.error.section.startswith("RFC 91") or kind is HeadTooLarge
    assert event.error.offset is not None
    assert tunnel.error is event.error
    assert tunnel.response is None
    assert tunnel.state is ConnectionState.CLOSED
    assert tunnel.finished
    assert "_SWITCH" not in str(event.error)
    assert event.error.__traceback__ is event.error.__context__ is None


@whole_and_bytewise
def test_interim_answers_without_end_are_too_much(size: int | None) -> None:
    interim = head("HTTP/1.1 103 x", "A: " + "b" * 80)
    count = 16 * SMALL.max_head_size // len(interim)
    assert answered(interim * count + OK, size, limits=SMALL)[1] == [TunnelEstablished()]
    (event,) = answered(interim * (count + 1) + OK, size, limits=SMALL)[1]
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is HeadTooLarge


@pytest.mark.parametrize("end", ["receive_eof", "receive_reset"])
@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n", head("HTTP/1.1 100 Continue")])
def test_an_end_ahead_of_the_answer_is_a_loss(data: bytes, end: str) -> None:
    tunnel, events = answered(data)
    assert events == []
    (event,) = getattr(tunnel, end)()
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is ConnectionLost
    assert event.error.offset == (len(data) if data.endswith(b"\r\n\r\n") else 0)
    assert tunnel.finished
    assert (tunnel.data_to_send() == b"") == (end == "receive_reset")


@pytest.mark.parametrize("end", ["receive_eof", "receive_reset"])
def test_an_answer_ahead_of_the_end_counts(end: str) -> None:
    tunnel = ProxyTunnel(PROXY, URI)
    tunnel.receive_data(OK)
    assert list(getattr(tunnel, end)()) == [TunnelEstablished()]


def test_a_head_of_20_mb_takes_no_memory() -> None:
    line = b"A: " + b"b" * 1000 + b"\r\n"
    pieces = [b"HTTP/1.1 200 OK\r\n", *[line] * 20_000]
    tunnel = ProxyTunnel(PROXY, URI)

    def feed() -> None:
        events = [event for piece in pieces for event in tunnel.receive_data(piece)]
        assert [type(event) for event in events] == [HandshakeFailed]
        gc.collect()

    kept, peak = measure(feed)
    assert kept < 8_000
    assert peak < 400_000
    tunnel, events = answered(b"".join(pieces))
    assert [type(event) for event in events] == [HandshakeFailed]


@pytest.mark.parametrize("status", [403, 0])
def test_a_tunnel_that_is_over_holds_nothing(status: int) -> None:
    tunnel = ProxyTunnel(PROXY, URI)

    def feed() -> None:
        for piece in (head(f"HTTP/1.1 {status} x"), *[bytes(50_000)] * 30):
            for _ in tunnel.receive_data(piece):
                pass
        gc.collect()

    assert measure(feed)[0] < 8_000
    assert tunnel.finished


# Always


@pytest.mark.parametrize(
    "answer",
    [
        head("HTTP/1.1 403 x", "Content-Length: 0"),
        head("HTTP/1.1 403 x", "Content-Length: 2") + b"no",
        b"garbage\r\n",
        b"",
    ],
)
def test_after_the_end_nothing_happens(answer: bytes) -> None:
    tunnel, _ = answered(answer, eof=True)
    tunnel.data_to_send()
    before = (tunnel.state, tunnel.response, tunnel.error)
    for data in (OK, b"more", b"", answer):
        assert list(tunnel.receive_data(data)) == []
    assert list(tunnel.receive_eof()) == list(tunnel.receive_reset()) == list(tunnel.events()) == []
    assert (tunnel.state, tunnel.response, tunnel.error) == before
    assert tunnel.data_to_send() == tunnel.trailing_data == b""
    assert tunnel.finished


@pytest.mark.parametrize("data", [None, "text", 5, [1]])
def test_data_of_another_type_is_a_type_error_in_any_state(data: Any) -> None:
    for answer in (b"", OK, b"garbage\r\n"):
        tunnel, _ = answered(answer)
        with pytest.raises(TypeError):
            tunnel.receive_data(data)


def test_no_data_does_nothing_and_data_may_be_any_buffer() -> None:
    tunnel = ProxyTunnel(PROXY, URI)
    assert list(tunnel.receive_data(b"")) == []
    assert list(tunnel.receive_data(memoryview(OK)[:10])) == []
    assert list(tunnel.receive_data(bytearray(OK[10:]))) == [TunnelEstablished()]


def test_data_behind_the_end_of_the_transport_is_ignored() -> None:
    tunnel = ProxyTunnel(PROXY, URI)
    tunnel.receive_eof()
    assert [type(event) for event in tunnel.receive_data(OK)] == [HandshakeFailed]


def test_the_event_is_a_value() -> None:
    event = TunnelEstablished(Headers({"A": "b"}))
    assert pickle.loads(pickle.dumps(event)) == event
    assert repr(event) == "TunnelEstablished(headers=Headers([('A', 'b')]))"
    match event:
        case TunnelEstablished(headers):
            assert headers["a"] == "b"
    with pytest.raises(AttributeError):
        event.headers = Headers()  # type: ignore[misc]


def test_a_tunnel_cannot_be_copied() -> None:
    for action in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="a ProxyTunnel cannot be copied or pickled"):
            action(ProxyTunnel(PROXY, URI))


def outcome(pieces: Iterable[bytes], limits: Limits) -> tuple[object, ...]:
    """All that a tunnel shows, after these pieces and the end."""
    tunnel = ProxyTunnel(PROXY, URI, limits=limits)
    events: list[Event] = []
    for piece in pieces:
        events += tunnel.receive_data(piece)
        assert tunnel.finished == (tunnel.state is ConnectionState.CLOSED)
    open_already = tunnel.state is ConnectionState.OPEN
    events += tunnel.receive_eof()
    assert tunnel.state in ENDED
    assert open_already == (tunnel.state is ConnectionState.OPEN)
    kinds = [type(event) for event in events]
    assert kinds in (
        [TunnelEstablished],
        [RejectConnection],
        [RejectConnection, RejectData],
        [HandshakeFailed],
    )
    if isinstance(events[0], RejectConnection):
        assert events[0].has_body == (len(events) == 2)
    return events, tunnel.state, tunnel.response, tunnel.error, tunnel.trailing_data


ANSWERS = [
    OK + b"\x16\x03\x01 the first bytes",
    head("HTTP/1.1 100 x") + head("HTTP/1.0 200 x", "Content-Length: 5") + RESPONSE,
    head("HTTP/1.1 407 x", "Proxy-Authenticate: Basic", "Content-Length: 9") + b"who's it?",
    head("HTTP/1.1 403 x", "Transfer-Encoding: chunked") + b"2\r\nno\r\n0\r\n\r\n",
    head("HTTP/1.1 502 x") + b"a body up to the end, too long for the limits",
    *[data[:1000] for data, _ in BAD_ANSWERS.values()],
]
data = st.one_of(
    st.sampled_from(ANSWERS),
    changed(st.sampled_from(ANSWERS)),
    st.binary(max_size=60),
    st.binary(max_size=60).map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest),
)


@examples(500)
@given(data=data, at=st.integers(0, 1000), limits=st.sampled_from([Limits(), SMALL]))
def test_any_bytes_give_one_answer_however_they_are_cut(
    data: bytes, at: int, limits: Limits
) -> None:
    whole = outcome([data], limits)
    assert outcome(cut(data, 1), limits) == whole
    assert outcome([data[:at], data[at:]], limits) == whole
