"""Which heads of HTTP/1.1 are read, which are refused, and where are their limits?"""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import Mock

import pytest
from effort import examples
from expect import whole_and_bytewise
from hypothesis import given
from hypothesis import strategies as st
from wire import cut, head

from wsproto_core.carrier import RequestHead, ResponseHead
from wsproto_core.config import Limits
from wsproto_core.exceptions import (
    HandshakeError,
    HeadTooLarge,
    HTTPVersionNotSupported,
    MalformedHandshake,
)
from wsproto_core.headers import Headers
from wsproto_core.http1 import (
    ClientCarrier,
    RequestReader,
)
from wsproto_core.server import ServerConnection

both_kinds = pytest.mark.parametrize("kind", ["request", "response"])
DEFAULT_LIMITS = Limits()
GET = "GET /chat HTTP/1.1"
FORBIDDEN = "HTTP/1.1 403 Forbidden"


def new_reader(kind: str, limits: Limits = DEFAULT_LIMITS) -> RequestReader | ClientCarrier:
    if kind == "request":
        return RequestReader(limits)
    carrier = ClientCarrier(limits)
    carrier.write_request("/", Headers({"Host": "a"}))
    return carrier


def read(
    reader: RequestReader | ClientCarrier, data: bytes, size: int | None = None
) -> RequestHead | ResponseHead | None:
    """Feed `data` in pieces, and read after each."""
    found: RequestHead | ResponseHead | None = None
    for piece in cut(data, size):
        reader.feed(piece)
        if found is None:
            found = reader.read()
    return found


def head_of(kind: str, *fields: str, first: str | None = None) -> bytes:
    if kind == "request":
        return head(first or GET, "Host: a", *fields)
    return head(first or FORBIDDEN, "Host: a", *fields)


# Heads


@whole_and_bytewise
def test_request_is_read_up_to_its_empty_line(size: int | None) -> None:
    reader = RequestReader(Limits())
    data = head_of("request", "X-Twice: one", "x-twice: \t two \t")
    assert read(reader, data + b"\r\nrest", size) == RequestHead(
        "GET", "/chat", Headers([("Host", "a"), ("X-Twice", "one"), ("x-twice", "two")])
    )
    assert reader.offset == len(data)
    assert reader.waiting == 6
    assert reader.take_rest() == b"\r\nrest"
    assert reader.waiting == 0


@whole_and_bytewise
def test_response_is_read_up_to_its_empty_line(size: int | None) -> None:
    carrier = new_reader("response")
    data = head_of("response", "Retry-After: 5", "Empty:")
    assert read(carrier, data + b"\r\nrest", size) == ResponseHead(
        403, Headers([("Host", "a"), ("Retry-After", "5"), ("Empty", "")])
    )
    assert carrier.offset == len(data)
    assert carrier.take_rest() == b"\r\nrest"


@both_kinds
def test_names_keep_their_case_and_values_their_bytes(kind: str) -> None:
    found = read(new_reader(kind), head_of(kind, "x-LOUD: caf\xe9"))
    assert found is not None
    assert list(found.headers)[1] == ("x-LOUD", "caf\xe9")


@both_kinds
def test_incomplete_head_is_waited_for(kind: str) -> None:
    reader = new_reader(kind)
    data = head_of(kind)
    assert reader.read() is None
    assert read(reader, data[:-1], 1) is None
    assert reader.offset == 0
    assert read(reader, data[-1:]) is not None
    assert reader.offset == len(data)


@whole_and_bytewise
@both_kinds
def test_empty_lines_may_come_first(kind: str, size: int | None) -> None:
    reader = new_reader(kind)
    data = b"\r\n\r\n" + head_of(kind)
    assert read(reader, data, size) is not None
    assert reader.offset == len(data)


@whole_and_bytewise
@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_interim_responses_are_skipped(status: int, size: int | None) -> None:
    interim = head(f"HTTP/1.1 {status} x", "A: b")
    found = read(new_reader("response"), interim * 20 + head_of("response"), size)
    assert isinstance(found, ResponseHead)
    assert found.status_code == 403


def test_101_and_what_follows_it_are_kept_apart() -> None:
    carrier = ClientCarrier(Limits())
    carrier.write_request("/", Headers({"Host": "a", "Connection": "upgrade", "Upgrade": "x"}))
    data = head("HTTP/1.1 101 x", "Upgrade: x", "Connection: upgrade")
    found = read(carrier, data + b"\x81\x00")
    assert isinstance(found, ResponseHead)
    assert found.status_code == 101
    assert carrier.take_rest() == b"\x81\x00"
    assert carrier.offset == len(data) + 2


def test_request_parsed_elsewhere_is_given_out_as_it_is() -> None:
    request = RequestHead("GET", "/", Headers({"Host": "a"}))
    reader = RequestReader(Limits(), request)
    reader.feed(b"frames")
    assert reader.read() == request
    assert reader.offset == 0
    assert reader.waiting == 6
    assert reader.take_rest() == b"frames"


# Requests in one piece, which h11's parser sees only if there is something wrong

LINES = st.one_of(
    st.sampled_from(
        [
            b"Host: a", b"Host:a", b"host: \t b \t", b"X: y", b"X:", b"X-A: b: c", b"X : y",
            b": v", b"no colon", b"X: a\rb", b"X: a\nb", b"X: a\r", b"\rX: a", b"X: a\0b",
            b"X\rY: a", b" folded", b"\tfolded", b"X: caf\xe9", b"X\xe9: a", b"X: a\x0bb",
            b"X: \x0b", b"X: \x1f", b"X\x85: a", b"", b":", b"Content-Length: 5",
            b"Content-Length: 5, 5", b"Content-Length: x", b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: Chunked", b"Transfer-Encoding: gzip", b"Expect: 100-continue",
            b"Connection: close", b"Upgrade: x",
        ]
    ),
    st.binary(max_size=8),
)  # fmt: skip
FIRST_LINES = st.one_of(
    st.sampled_from(
        [
            b"GET / HTTP/1.1", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b" GET / HTTP/1.1",
            b"GET / HTTP/1.0", b"GET / HTTP/2.0", b"GET / http/1.1", b"GET /", b"GET / / HTTP/1.1",
            b"G:T / HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"GET /\xe9 HTTP/1.1", b"GET /\t HTTP/1.1",
            b"GET /\rb HTTP/1.1", b"GET /\nb HTTP/1.1", b"\r\nGET / HTTP/1.1", b"",
        ]
    ),
    st.binary(max_size=12),
)  # fmt: skip


OPENING = [
    b"Host: a",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
]


def outcome_of(pieces: Sequence[bytes], limits: Limits) -> tuple[object, ...]:
    """What a server makes of `pieces`."""
    server = ServerConnection(limits=limits)
    for piece in pieces:
        server.receive_data(piece)
    events = list(server.events())
    found = list(server.request.headers) if server.request is not None else None
    return events, found, server.error, server.bytes_parsed, server.data_to_send()


@given(
    FIRST_LINES | st.just(b"GET / HTTP/1.1"),
    st.lists(LINES, max_size=3),
    st.integers(0, 5),
    st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\r\n"]),
    st.binary(max_size=6),
    st.sampled_from([Limits(), Limits(max_head_fields=6), Limits(max_head_line=60)])
    | st.builds(Limits, max_head_size=st.integers(1, 250)),
)
@examples(300)
def test_request_in_one_piece_is_as_in_two(
    first: bytes, lines: list[bytes], place: int, end: bytes, rest: bytes, limits: Limits
) -> None:
    data = end.join([first, *OPENING[:place], *lines, *OPENING[place:], b"", rest])
    assert outcome_of([data], limits) == outcome_of([data[:1], data[1:]], limits)


def test_request_in_one_piece_needs_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = Mock()
    monkeypatch.setattr("wsproto_core.http1.h11.Connection", parser)
    found = read(RequestReader(Limits(max_head_fields=2)), head_of("request", "Origin: b://c:1"))
    assert found == RequestHead("GET", "/chat", Headers({"Host": "a", "Origin": "b://c:1"}))
    assert not parser.called


def test_what_looks_like_a_request_inside_another_is_not_taken_for_one() -> None:
    reader = RequestReader(Limits())
    reader.feed(b"GET /outer HTTP/1.1\r\nHost: a\r\nX: ")
    assert reader.read() is None
    reader.feed(b"GET /inner HTTP/1.1\r\nHost: b\r\n\r\n")
    with pytest.raises(MalformedHandshake, match="Found multiple Host"):
        reader.read()


# Heads that are none


@whole_and_bytewise
@both_kinds
@pytest.mark.parametrize(
    ("bad", "section", "message"),
    [
        (b"X: y\n", "RFC 9112 section 2.2", "does not end in CR LF"),
        (b"\n", "RFC 9112 section 2.2", "does not end in CR LF"),
        (b" folded\r\n", "RFC 9112 section 5.2", "folded"),
        (b"\tfolded\r\n", "RFC 9112 section 5.2", "folded"),
    ],
)
def test_bad_line_is_refused_where_it_begins(
    kind: str, size: int | None, bad: bytes, section: str, message: str
) -> None:
    good = head_of(kind)[:-2]
    with pytest.raises(MalformedHandshake, match=message) as caught:
        read(new_reader(kind), good + bad + b"\r\n", size)
    assert caught.value.section == section
    assert caught.value.offset == len(good)


@whole_and_bytewise
@both_kinds
@pytest.mark.parametrize(
    "field", ["no colon", "a b: c", "X : y", ": empty", "X: a\0b", "X: a\rb", "X\xe9: y"]
)
def test_field_that_http_forbids_is_refused(kind: str, size: int | None, field: str) -> None:
    with pytest.raises(MalformedHandshake) as caught:
        read(new_reader(kind), head_of(kind, field), size)
    assert caught.value.section.startswith("RFC 9112")
    assert caught.value.offset == 0
    assert caught.value.status == 400


@whole_and_bytewise
@pytest.mark.parametrize(
    "line",
    [
        "GET /chat",
        "GET  /chat HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /chat HTTP/11",
        "GET /chat FTP/1.1",
        "GET /\xe9 HTTP/1.1",
        "G(T /chat HTTP/1.1",
        "/chat HTTP/1.1",
    ],
)
def test_request_line_that_is_none_is_refused(line: str, size: int | None) -> None:
    with pytest.raises(MalformedHandshake):
        read(new_reader("request"), head_of("request", first=line), size)


@both_kinds
@pytest.mark.parametrize("field", ["Coo kie: secret", "Cookie: secret\0", "secret" * 1000])
def test_message_does_not_repeat_what_was_sent(kind: str, field: str) -> None:
    for data in (head_of(kind, field), head_of(kind, first=field)):
        with pytest.raises(MalformedHandshake) as caught:
            read(new_reader(kind), data)
        assert "secret" not in str(caught.value)
        assert 5 < len(str(caught.value)) < 200


@whole_and_bytewise
@pytest.mark.parametrize("version", ["1.0", "0.9", "1.2", "2.0"])
def test_other_versions_of_http_are_told_apart(version: str, size: int | None) -> None:
    with pytest.raises(HTTPVersionNotSupported, match=f"HTTP/{version} instead") as caught:
        read(new_reader("request"), head_of("request", first=f"GET / HTTP/{version}"), size)
    assert (caught.value.status, caught.value.offset) == (505, 0)
    first = f"HTTP/{version} 100 Continue"
    with pytest.raises(HTTPVersionNotSupported, match=f"HTTP/{version} instead"):
        read(new_reader("response"), head_of("response", first=first), size)


@whole_and_bytewise
@pytest.mark.parametrize("line", ["HTTP/1.1", "HTTP/1.1 40", "HTTP/1.1 4033 x", "ICY 200 OK"])
def test_status_line_that_is_none_is_refused(line: str, size: int | None) -> None:
    with pytest.raises(MalformedHandshake) as caught:
        read(new_reader("response"), head_of("response", first=line), size)
    assert caught.value.section == "RFC 9112 section 4"


@whole_and_bytewise
def test_offset_of_a_bad_response_is_behind_the_interim_ones(size: int | None) -> None:
    interim = head("HTTP/1.1 100 Continue")
    with pytest.raises(MalformedHandshake) as caught:
        read(new_reader("response"), interim * 2 + head("garbage"), size)
    assert caught.value.offset == 2 * len(interim)


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: x",),
        ("Content-Length: 5, 6",),
        ("Content-Length: -1",),
        ("Transfer-Encoding: gzip",),
    ],
)
def test_unreadable_framing_of_a_body_is_refused(fields: tuple[str, ...]) -> None:
    with pytest.raises(HandshakeError) as caught:
        read(new_reader("response"), head_of("response", *fields))
    assert type(caught.value) is MalformedHandshake


# Limits


def assert_bound(
    kind: str, size: int | None, fits: bytes, over: bytes, limits: Limits, message: str
) -> None:
    """`fits` is read; of `over`, the same but for one more, it is told where."""
    assert read(new_reader(kind, limits), fits, size) is not None
    with pytest.raises(HeadTooLarge, match=message) as caught:
        read(new_reader(kind, limits), over, size)
    assert caught.value.status == 431
    assert caught.value.section == "RFC 6585 section 5"


@whole_and_bytewise
@both_kinds
def test_head_size_is_bounded_to_the_byte(kind: str, size: int | None) -> None:
    fits = head_of(kind, "A: " + "x" * 50)
    over = head_of(kind, "A: " + "x" * 51)
    limits = Limits(max_head_size=len(fits))
    assert_bound(kind, size, fits, over, limits, f"more than {len(fits)} bytes")


@whole_and_bytewise
@both_kinds
def test_line_is_bounded_to_the_byte(kind: str, size: int | None) -> None:
    fits = head_of(kind, "A: " + "x" * 50, "B: c")
    over = head_of(kind, "A: " + "x" * 51, "B: c")
    assert_bound(kind, size, fits, over, Limits(max_head_line=55), "a line of more than 55 bytes")


@whole_and_bytewise
@both_kinds
def test_first_line_is_bounded_like_the_others(kind: str, size: int | None) -> None:
    first = "GET /{} HTTP/1.1" if kind == "request" else "HTTP/1.1 403 F{}"
    fits = head_of(kind, first=first.format("x" * 50))
    over = head_of(kind, first=first.format("x" * 51))
    limits = Limits(max_head_line=fits.index(b"\n") + 1)
    assert_bound(kind, size, fits, over, limits, "a line of more than")


@whole_and_bytewise
@both_kinds
def test_empty_lines_in_front_are_bounded(kind: str, size: int | None) -> None:
    with pytest.raises(HeadTooLarge, match="more than 100 bytes"):
        read(new_reader(kind, Limits(max_head_size=100)), b"\r\n" * 51, size)


@whole_and_bytewise
@both_kinds
def test_fields_are_counted(kind: str, size: int | None) -> None:
    fits = head_of(kind, *["A: b"] * 4)
    over = head_of(kind, *["A: b"] * 5)
    assert_bound(kind, size, fits, over, Limits(max_head_fields=5), "more than 5 fields")


@whole_and_bytewise
@both_kinds
def test_default_limits_are_64_kib_8_kib_a_line_and_128_fields(kind: str, size: int | None) -> None:
    start = len(head_of(kind))
    lines = ["A: " + "x" * 8187] * 7
    rest = (64 << 10) - start - 7 * 8192
    fits = head_of(kind, *lines, "B: " + "x" * (rest - 5))
    over = head_of(kind, *lines, "B: " + "x" * (rest - 4))
    assert len(fits) == 64 << 10
    assert_bound(kind, size, fits, over, Limits(), "more than 65536 bytes")
    fits, over = (head_of(kind, "A: " + "x" * count) for count in (8187, 8188))
    assert_bound(kind, size, fits, over, Limits(), "a line of more than 8192 bytes")
    fits, over = (head_of(kind, *["A: b"] * count) for count in (127, 128))
    assert_bound(kind, size, fits, over, Limits(), "more than 128 fields")


@both_kinds
@pytest.mark.parametrize(
    ("limits", "line"),
    [
        (Limits(max_head_line=1000), b"A: " + b"x" * 2000),
        (Limits(max_head_size=1000), b"A: " + b"x" * 2000),
        (Limits(max_head_fields=1), b"A: b"),
    ],
)
def test_limit_is_passed_at_the_same_byte_however_the_head_is_cut(
    kind: str, limits: Limits, line: bytes
) -> None:
    good = head_of(kind)[:-2]
    errors = []
    for size in (None, 1, 7, 1000):
        with pytest.raises(HeadTooLarge) as caught:
            read(new_reader(kind, limits), good + line + b"\r\n\r\n", size)
        errors.append(caught.value)
    assert all(error == errors[0] for error in errors)
    assert errors[0].offset == len(good)


def test_line_end_without_more_is_no_field_too_many() -> None:
    reader = new_reader("request", Limits(max_head_fields=1))
    data = head_of("request")
    assert read(reader, data, 1) is not None


def test_each_interim_response_has_the_limits_for_itself() -> None:
    interim = head("HTTP/1.1 103 x", *["A: b"] * 5)
    carrier = new_reader("response", Limits(max_head_fields=5, max_head_size=200))
    assert read(carrier, interim * 50 + head_of("response")) is not None
    with pytest.raises(HeadTooLarge) as caught:
        read(
            new_reader("response", Limits(max_head_fields=4)),
            head("HTTP/1.1 103 x") + interim,
        )
    assert caught.value.offset is not None
    assert caught.value.offset >= len(head("HTTP/1.1 103 x"))


# Lines that begin with a bare CR


@whole_and_bytewise
@both_kinds
@pytest.mark.parametrize("bad", [b"\r\r\n", b"\r\r\n\r\n", b"\rX: y\r\n\r\n", b"\r \r\n"])
def test_line_that_begins_with_a_bare_cr_is_refused(
    kind: str, size: int | None, bad: bytes
) -> None:
    good = head_of(kind)
    for start in (b"", b"\r\n", good[:-2]):
        with pytest.raises(MalformedHandshake, match="begins with a bare CR") as caught:
            read(new_reader(kind), start + bad + good, size)
        assert caught.value.section == "RFC 9112 section 2.2"
        assert caught.value.offset == len(start)


@both_kinds
def test_line_that_begins_with_a_bare_cr_is_no_way_past_the_limit_of_fields(kind: str) -> None:
    data = head_of(kind)[:-2] + b"\rA: b\r\n" * 200_000
    with pytest.raises(MalformedHandshake, match="begins with a bare CR"):
        read(new_reader(kind, Limits(max_head_fields=1)), data)


# Responses in HTTP/1.0


@whole_and_bytewise
def test_refusal_may_be_in_http_1_0_and_nothing_else_may(size: int | None) -> None:
    found = read(new_reader("response"), head("HTTP/1.0 401 Unauthorized", "A: b"), size)
    assert found == ResponseHead(401, Headers({"A": "b"}))
    for status in (100, 103, 199):
        with pytest.raises(HTTPVersionNotSupported, match=r"HTTP/1\.0 instead"):
            read(new_reader("response"), head(f"HTTP/1.0 {status} x"), size)
    for version in ("0.9", "1.2", "2.0"):
        with pytest.raises(HTTPVersionNotSupported, match=f"HTTP/{version} instead"):
            read(new_reader("response"), head_of("response", first=f"HTTP/{version} 403 F"), size)


# Interim responses


@whole_and_bytewise
def test_interim_responses_are_bounded_all_together(size: int | None) -> None:
    limits = Limits(max_head_size=100)
    interim = head("HTTP/1.1 103 x", "A: " + "x" * 77)
    assert len(interim) == 100
    final = head_of("response")
    found = read(new_reader("response", limits), interim * 16 + final, size)
    assert isinstance(found, ResponseHead)
    assert found.status_code == 403
    with pytest.raises(HeadTooLarge, match="interim responses of more than 1600 bytes") as caught:
        read(new_reader("response", limits), interim * 17 + final, size)
    assert caught.value.offset == 1600
    assert caught.value.section == "RFC 9110 section 15.2"


# What the errors say


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("Transfer-Encoding: gzip", "Only Transfer-Encoding: chunked is supported"),
        ("Content-Length: five", "bad Content-Length"),
        ("no colon in secret", "illegal header line"),
    ],
)
def test_message_is_a_whole_sentence_without_what_was_sent(field: str, message: str) -> None:
    with pytest.raises(MalformedHandshake) as caught:
        read(new_reader("response"), head_of("response", field))
    assert str(caught.value) == message
