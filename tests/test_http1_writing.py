"""What is written as HTTP/1.1, and what is refused because it makes no sense?"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest

from wsproto_core.config import Limits
from wsproto_core.exceptions import (
    LocalProtocolError,
)
from wsproto_core.headers import Headers
from wsproto_core.http1 import (
    ClientCarrier,
    ResponseWriter,
)

# Requests


def test_request_is_written_with_its_fields_in_order() -> None:
    carrier = ClientCarrier(Limits())
    fields = Headers([("Host", "a"), ("X-Twice", "1"), ("X-Twice", "2")])
    assert carrier.write_request("/a?b=c", fields) == (
        b"GET /a?b=c HTTP/1.1\r\nHost: a\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n"
    )


@pytest.mark.parametrize(
    "target",
    ["", "/a b", "/a\r\nX: y", "/a\n", "/a\0", "/\x7f", "/\xe9", "/\ud800", "/\t"],
    ids=ascii,
)
def test_target_that_cannot_be_sent_is_refused(target: str) -> None:
    with pytest.raises(LocalProtocolError, match="the request cannot be sent"):
        ClientCarrier(Limits()).write_request(target, Headers({"Host": "a"}))


# Responses


def test_acceptance_is_written_with_its_fields_in_order() -> None:
    fields = Headers([("Upgrade", "websocket"), ("X-A", "b")])
    assert ResponseWriter().accept(fields) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX-A: b\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("status", "fields", "has_body", "expected"),
    [
        (403, {}, False, b"403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        (403, {}, True, b"403 Forbidden\r\nConnection: close\r\n\r\n"),
        (
            403,
            {"Content-Length": "3"},
            True,
            b"403 Forbidden\r\nConnection: close\r\nContent-Length: 3\r\n\r\n",
        ),
        (
            403,
            {"content-length": "0"},
            False,
            b"403 Forbidden\r\nConnection: close\r\ncontent-length: 0\r\n\r\n",
        ),
        (200, {}, False, b"200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        (599, {}, False, b"599 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        (204, {}, False, b"204 No Content\r\nConnection: close\r\n\r\n"),
        (205, {}, False, b"205 Reset Content\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        (304, {}, False, b"304 Not Modified\r\nConnection: close\r\n\r\n"),
        (
            426,
            {"Upgrade": "websocket"},
            False,
            b"426 Upgrade Required\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n%s"
            % b"Content-Length: 0\r\n\r\n",
        ),
        (
            HTTPStatus.UNAUTHORIZED,
            {"WWW-Authenticate": "Basic"},
            False,
            b"401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: Basic\r\n%s"
            % b"Content-Length: 0\r\n\r\n",
        ),
    ],
)
def test_rejection_says_how_long_it_is(
    status: int, fields: dict[str, str], has_body: bool, expected: bytes
) -> None:
    assert ResponseWriter().reject(status, Headers(fields), has_body) == b"HTTP/1.1 " + expected


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 103, 199, 600, 1000])
def test_status_that_rejects_nothing_is_refused(status: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"status {status} rejects nothing"):
        ResponseWriter().reject(status, Headers(), False)


@pytest.mark.parametrize("status", ["403", 403.0, 403.5, None])
def test_status_that_is_no_integer_is_a_type_error(status: Any) -> None:
    with pytest.raises(TypeError):
        ResponseWriter().reject(status, Headers(), False)


@pytest.mark.parametrize(
    ("status", "fields", "has_body"),
    [
        (204, {}, True),
        (204, {"Content-Length": "0"}, False),
        (205, {}, True),
        (304, {}, True),
        (403, {"Connection": "keep-alive"}, False),
        (403, {"transfer-encoding": "chunked"}, True),
        (403, {"Content-Length": "5"}, False),
        (403, {"Content-Length": "x"}, True),
        (403, {"Content-Length": "-1"}, True),
        (403, {"Content-Length": ""}, True),
        (403, {"Content-Length": "1" * 19}, True),
        (403, [("Content-Length", "1"), ("Content-Length", "1")], True),
        (403, {"X": "a\r\nb"}, False),
        (403, {"X Y": "a"}, False),
    ],
)
def test_contradictory_rejection_is_refused(status: int, fields: Any, has_body: bool) -> None:
    with pytest.raises(LocalProtocolError):
        ResponseWriter().reject(status, Headers(fields), has_body)


def test_body_must_be_as_long_as_its_content_length() -> None:
    writer = ResponseWriter()
    writer.reject(403, Headers({"Content-Length": "10"}), True)
    writer.note_body(4, False)
    writer.note_body(0, False)
    with pytest.raises(LocalProtocolError, match="7 bytes of body where Content-Length leaves 6"):
        writer.note_body(7, False)
    with pytest.raises(LocalProtocolError, match="5 bytes of body where Content-Length leaves 6"):
        writer.note_body(5, True)
    writer.note_body(6, True)
    with pytest.raises(LocalProtocolError, match="1 bytes of body where Content-Length leaves 0"):
        writer.note_body(1, True)


def test_body_without_content_length_may_have_any_length() -> None:
    writer = ResponseWriter()
    writer.reject(403, Headers(), True)
    writer.note_body(4, False)
    writer.note_body(1 << 40, True)
    assert writer.accept(Headers()).startswith(b"HTTP/1.1 101 ")
