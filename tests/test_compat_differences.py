"""Where compat differs from wsproto: each difference shown on both, and listed in the docs.

Whatever is not listed here is the same: see test_compat_same.py.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from compat_api import OURS, THEIRS, answered, asked, asking, attempt, opened, take
from wire import (
    CLOSE,
    DEFLATE_FIELD,
    FIN,
    PING,
    RSV1,
    TEXT,
    close_payload,
    deflate,
    head,
    masked,
    request,
)


class Difference(NamedTuple):
    title: str
    """As it is in the documentation."""
    scenario: Callable[[Any], object]
    theirs: object
    ours: object


# What the scenarios have in common. `api` is wsproto or ours.


def kinds(events: Any) -> Any:
    """The kinds of the events; or what was raised instead of them."""
    return [type(event).__name__ for event in events] if isinstance(events, list) else events


def contents(events: Any) -> list[object]:
    """The codes of the Close events, the data of the messages, the kinds of all others."""
    return [
        int(event.code) if hasattr(event, "code") else getattr(event, "data", type(event).__name__)
        for event in events
    ]


def requested(*extra: str, **options: Any) -> Callable[[Any], object]:
    """A server is sent a request."""
    return lambda api: kinds(
        take(api.WSConnection(api.ConnectionType.SERVER), request(*extra, **options))
    )


def responded(*extra: str) -> Callable[[Any], object]:
    """A client that has offered permessage-deflate is sent a 101."""

    def scenario(api: Any) -> object:
        offered = [api.extensions.PerMessageDeflate()]
        return kinds(answered(api, *extra, extensions=offered)[1])

    return scenario


def negotiated(*extra: str) -> Callable[[Any], object]:
    """A server answers an offer of extensions."""

    def scenario(api: Any) -> object:
        deflate = api.extensions.PerMessageDeflate()
        sent = attempt(asked(api, *extra).send, api.events.AcceptConnection(extensions=[deflate]))
        if not isinstance(sent, bytes):
            return sent
        return [line[26:] for line in sent.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Ext")]

    return scenario


def received(*frames: bytes, deflated: bool = False) -> Callable[[Any], object]:
    """An open server is sent these frames."""
    return lambda api: contents(take(opened(api, deflated=deflated), b"".join(frames)))


def sent(kind: str, *fields: Any) -> Callable[[Any], object]:
    """An open server is to send an event."""
    return lambda api: attempt(opened(api).send, getattr(api.events, kind)(*fields))


def accepted(**fields: Any) -> Callable[[Any], object]:
    """A server accepts a request."""
    return lambda api: attempt(
        lambda: asked(api).send(api.events.AcceptConnection(**fields)).split(b"\r\n")[0]
    )


def rejected(body: bytes, *fields: tuple[bytes, bytes]) -> Callable[[Any], object]:
    """A server rejects a request."""

    def scenario(api: Any) -> object:
        ws = asked(api)
        head = ws.send(api.events.RejectConnection(403, list(fields), has_body=True))
        return head + ws.send(api.events.RejectData(body))

    return scenario


def resource(field: str, line: str) -> Callable[[Any], object]:
    """What a request asks for."""

    def scenario(api: Any) -> object:
        ws = api.WSConnection(api.ConnectionType.SERVER)
        (event,) = take(ws, request(field, line=line, without=["Host"]))
        return event.host, event.target

    return scenario


def early(api: Any) -> object:
    ws = asked(api)
    ws.receive_data(masked(FIN | PING, b"early"))
    ws.send(api.events.AcceptConnection())
    return kinds(list(ws.events()))


def flood(api: Any) -> object:
    return kinds(take(asked(api), bytes(70_000)))


def silence(api: Any) -> object:
    return take(api.WSConnection(api.ConnectionType.SERVER), None)


def cut_body(api: Any) -> object:
    ws, _ = asking(api)
    ws.receive_data(head("HTTP/1.1 404 Not Found", "Content-Length: 5") + b"cut")
    return kinds(list(ws.events())), kinds(take(ws, None))


def requests(*fields: Any, **options: Any) -> Callable[[Any], object]:
    """A client sends its request: what of it differs."""

    def scenario(api: Any) -> object:
        ws = api.WSConnection(api.ConnectionType.CLIENT)
        sent = attempt(ws.send, api.events.Request(*fields, **options))
        return sent.split(b"\r\n")[1] if isinstance(sent, bytes) else sent

    return scenario


def offer(api: Any) -> object:
    extension = api.extensions.PerMessageDeflate()
    return extension.offer(), extension.accept("permessage-deflate; client_max_window_bits")


def configured(offer: str) -> Callable[[Any], object]:
    return lambda api: api.extensions.PerMessageDeflate(client_max_window_bits=9).accept(offer)


def reused(api: Any) -> object:
    extension = api.extensions.PerMessageDeflate()
    extension.accept("permessage-deflate; server_max_window_bits=9")
    extension.accept("permessage-deflate")
    return extension.server_max_window_bits


def first_offer(api: Any) -> object:
    extensions = [api.extensions.PerMessageDeflate()]
    offers = [f"permessage-deflate; server_max_window_bits={bits}" for bits in (10, 12)]
    return api.handshake.server_extensions_handshake(offers, extensions)


def own_extension(api: Any) -> object:
    class Own(api.extensions.Extension):  # type: ignore[misc]
        name = "x-own"

        def offer(self) -> bool:
            return True

        def enabled(self) -> bool:
            return True

    return attempt(lambda: type(api.Connection(api.ConnectionType.CLIENT, [Own()])).__name__)


def in_pieces(*pieces: bytes) -> Callable[[Any], object]:
    def scenario(api: Any) -> object:
        ws = opened(api)
        return [contents(take(ws, piece)) for piece in pieces]

    return scenario


def sizes(api: Any) -> object:
    large = masked(FIN | RSV1 | TEXT, deflate(b"a" * 40_000))
    return [len(event.data) for event in take(opened(api, deflated=True), large)]


def reason(*frames: bytes, deflated: bool = False) -> Callable[[Any], object]:
    return lambda api: take(opened(api, deflated=deflated), b"".join(frames))[-1].reason


def ended(api: Any) -> object:
    ws = opened(api)
    ws.receive_data(masked(FIN | TEXT, b"last"))
    ws.receive_data(None)
    return ws.state.name, contents(ws.events()), ws.state.name


def pong_while_closing(api: Any) -> object:
    ws = opened(api)
    ws.send(api.events.CloseConnection(1000))
    return attempt(ws.send, api.events.Pong(b"late"))


def mixed(api: Any) -> object:
    ws = opened(api)
    ws.send(api.events.TextMessage("one", message_finished=False))
    return attempt(ws.send, api.events.BytesMessage(b"two"))


def compressed(*texts: str) -> Callable[[Any], object]:
    """The fragments of a message, as they are sent: their first bytes, and whether empty."""

    def scenario(api: Any) -> object:
        ws = opened(api, deflated=True)
        frames = [
            ws.send(api.events.TextMessage(text, message_finished=text is texts[-1]))
            for text in texts
        ]
        return [(frame[0], frame[1] == 0) for frame in frames]

    return scenario


def split(value: bytes) -> Callable[[Any], object]:
    return lambda api: attempt(api.utilities.split_comma_header, value)


def finished(data: bytes) -> bytes:
    """A compressed message whose last block has BFINAL."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush(zlib.Z_FINISH) + b"\0"


def body_type(api: Any) -> object:
    ws, _ = asking(api)
    ws.receive_data(head("HTTP/1.1 404 Not Found", "Content-Length: 2") + b"no")
    return type(list(ws.events())[1].data).__name__


def nonsense_twice(api: Any) -> object:
    ws, _ = asking(api)
    return take(ws, b"nonsense\r\n\r\n"), take(ws, b"nonsense\r\n\r\n")


HELLO = deflate(b"hello" * 10)
REFUSED = ("RemoteProtocolError", 400)
LOCAL = "LocalProtocolError"

DIFFERENCES = [
    # The opening handshake, as a server
    Difference(
        "Any byte is answered",
        requested("X: \xe9", "Sec-WebSocket-Protocol: \xe9"),
        "UnicodeDecodeError",
        REFUSED,
    ),
    Difference(
        "A rejection says why",
        requested(line="POST / HTTP/1.1"),
        REFUSED,
        ("RemoteProtocolError", 405),
    ),
    Difference(
        "A rejection says why",
        requested(line="GET / HTTP/1.0"),
        ["Request"],
        ("RemoteProtocolError", 505),
    ),
    Difference(
        "The head is limited",
        requested("X: " + "a" * 70_000),
        ["Request"],
        ("RemoteProtocolError", 431),
    ),
    Difference(
        "The key is checked",
        requested("Sec-WebSocket-Key: x", without=["Sec-WebSocket-Key"]),
        ["Request"],
        REFUSED,
    ),
    Difference(
        "No field that may come once comes twice",
        requested("Sec-WebSocket-Key: x"),
        ["Request"],
        REFUSED,
    ),
    Difference("A request has no body", requested("Content-Length: 5"), ["Request"], REFUSED),
    Difference(
        "Connection may have several lines",
        requested("Connection: keep-alive"),
        REFUSED,
        ["Request"],
    ),
    Difference("What follows the request is kept", early, [], ["Ping"]),
    Difference("What follows the request is kept", flood, [], ("RemoteProtocolError", 413)),
    Difference(
        "The host is as it was sent",
        resource("Host: xn--bcher-kva.example", "GET / HTTP/1.1"),
        ("bücher.example", "/"),
        ("xn--bcher-kva.example", "/"),
    ),
    Difference(
        "A target that is a whole URI is taken apart",
        resource("Host: one.example", "GET ws://two.example/x HTTP/1.1"),
        ("one.example", "ws://two.example/x"),
        ("two.example", "/x"),
    ),
    Difference("An end without a request is an error", silence, [], REFUSED),
    Difference(
        "A rejection closes the connection",
        rejected(b"no"),
        b"HTTP/1.1 403 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nno",
    ),
    Difference(
        "Header fields are checked before they are sent",
        accepted(extra_headers=[(b"x", b"a\r\nb")]),
        "h11.LocalProtocolError",
        LOCAL,
    ),
    Difference(
        "Header fields are checked before they are sent",
        accepted(extra_headers=[(b"x", b"\xe9")]),
        b"HTTP/1.1 101 Switching Protocols",
        LOCAL,
    ),
    Difference(
        "The handshake's own fields cannot be added",
        accepted(extra_headers=[(b"upgrade", b"x")]),
        b"HTTP/1.1 101 Switching Protocols",
        LOCAL,
    ),
    # As a client
    Difference(
        "What was not offered is refused",
        responded(DEFLATE_FIELD + "; foo=1"),
        ["AcceptConnection"],
        REFUSED,
    ),
    Difference(
        "What was not offered is refused",
        responded(DEFLATE_FIELD + "; server_max_window_bits=abc"),
        "ValueError",
        REFUSED,
    ),
    Difference(
        "What was not offered is refused",
        responded(DEFLATE_FIELD + "; server_max_window_bits"),
        "IndexError",
        REFUSED,
    ),
    Difference(
        "No field that may come once comes twice",
        responded("Sec-WebSocket-Accept: x"),
        ["AcceptConnection"],
        REFUSED,
    ),
    Difference("A 101 has no body", responded("Content-Length: 3"), ["AcceptConnection"], REFUSED),
    Difference(
        "A rejection that is cut ends",
        cut_body,
        (["RejectConnection", "RejectData"], REFUSED),
        (["RejectConnection", "RejectData"], ["RejectData"]),
    ),
    Difference("What failed once is over", nonsense_twice, (REFUSED, REFUSED), (REFUSED, [])),
    Difference(
        "The host is sent in its normal form",
        requests("EXAMPLE.com", "/"),
        b"Host: EXAMPLE.com",
        b"Host: example.com",
    ),
    Difference(
        "Errors of yours are wsproto's",
        requests("example.com", "/a b"),
        "h11.LocalProtocolError",
        LOCAL,
    ),
    Difference(
        "Errors of yours are wsproto's",
        requests("example.com", "/\xe9"),
        "UnicodeEncodeError",
        LOCAL,
    ),
    # Extensions
    Difference(
        "A malformed offer is declined",
        negotiated(DEFLATE_FIELD + "; client_max_window_bits=abc"),
        "ValueError",
        [],
    ),
    Difference(
        "A malformed offer is declined",
        negotiated(DEFLATE_FIELD + "; foo=1"),
        [b"permessage-deflate"],
        [],
    ),
    Difference(
        "A window may have 8 bits",
        negotiated(DEFLATE_FIELD + "; server_max_window_bits=8"),
        [],
        [b"permessage-deflate; server_max_window_bits=8"],
    ),
    Difference(
        "The best offer is taken",
        negotiated(DEFLATE_FIELD + "; server_max_window_bits=10, permessage-deflate"),
        [b"permessage-deflate"],
        [b"permessage-deflate; server_max_window_bits=10"],
    ),
    Difference(
        "The best offer is taken",
        first_offer,
        b"permessage-deflate; server_max_window_bits=12",
        b"permessage-deflate; server_max_window_bits=10",
    ),
    Difference(
        "15 bits go without saying",
        offer,
        ("client_max_window_bits=15; server_max_window_bits=15", "client_max_window_bits=15"),
        ("client_max_window_bits", ""),
    ),
    Difference(
        "What is configured holds",
        configured("permessage-deflate; client_max_window_bits=12"),
        "client_max_window_bits=12",
        "client_max_window_bits=9",
    ),
    Difference("What is configured holds", configured("permessage-deflate"), "", None),
    Difference("An extension object may be used again", reused, 9, 15),
    Difference("Extensions of your own", own_extension, "Connection", "TypeError"),
    Difference(
        "A quoted comma is no border",
        split(b'a; b="c,d", e'),
        ['a; b="c', 'd"', "e"],
        ['a; b="c,d"', "e"],
    ),
    Difference("A quoted comma is no border", split(b"\xe9"), "UnicodeDecodeError", ["\xe9"]),
    # Frames and messages
    Difference(
        "Control frames never disturb a message",
        received(
            masked(RSV1 | TEXT, HELLO[:5]),
            masked(FIN | PING),
            masked(FIN, HELLO[5:]),
            deflated=True,
        ),
        ["hell", "Ping", 1007],
        ["hell", "Ping", "o" + "hello" * 9],
    ),
    Difference(
        "Every compressed stream decodes",
        received(
            masked(FIN | RSV1 | TEXT, finished(b"one")),
            masked(FIN | RSV1 | TEXT, deflate(b"two")),
            deflated=True,
        ),
        ["one", 1007],
        ["one", "", "two"],
    ),
    Difference(
        "A truncated compressed message is an error",
        received(masked(FIN | RSV1 | TEXT, deflate(b"hello world")[:-3]), deflated=True),
        ["hello worh"],
        [1007],
    ),
    Difference(
        "Close code 1014 is one", received(masked(FIN | CLOSE, close_payload(1014))), [1002], [1014]
    ),
    Difference(
        "A violation is seen at its first byte",
        in_pieces(b"\x83", b"\x80abcd"),
        [[], [1002]],
        [[1002], []],
    ),
    Difference(
        "A violation is seen at its first byte",
        received(masked(TEXT, b"\xed\xa0")),
        [""],
        [1007],
    ),
    Difference(
        "Reasons of failures",
        reason(masked(FIN | TEXT, b"a\xff")),
        "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte",
        "text that is not UTF-8",
    ),
    Difference(
        "Reasons of failures",
        reason(masked(FIN | CLOSE, close_payload(1000, b"\xff"))),
        "Error decoding CLOSE reason: 'utf-8' codec can't decode byte 0xff in position 0: "
        "invalid start byte",
        "a close reason that is not UTF-8",
    ),
    Difference(
        "Reasons of failures",
        reason(masked(RSV1 | TEXT, HELLO[:5]), masked(FIN | RSV1, HELLO[5:]), deflated=True),
        "error in extension",
        "Reserved bit set unexpectedly",
    ),
    Difference(
        "Pieces of messages",
        in_pieces(masked(FIN | TEXT, "é".encode())[:-1], masked(FIN | TEXT, "é".encode())[-1:]),
        [[""], ["é"]],
        [[], ["é"]],
    ),
    Difference("Pieces of messages", sizes, [40_000], [16_384, 16_384, 7_232]),
    Difference(
        "The end comes last",
        ended,
        ("CLOSED", [1006, "last"], "CLOSED"),
        ("OPEN", ["last", 1006], "CLOSED"),
    ),
    # What you send
    Difference("A ping is answered until the end", pong_while_closing, LOCAL, b"\x8a\x04late"),
    Difference(
        "Codes that mean nothing are refused",
        sent("CloseConnection", 999),
        b"\x88\x02\x03\xe7",
        LOCAL,
    ),
    Difference(
        "Codes that mean nothing are refused",
        sent("CloseConnection", 70_000),
        "struct.error",
        LOCAL,
    ),
    Difference(
        "Errors of yours are wsproto's", sent("CloseConnection", None, "why"), "TypeError", LOCAL
    ),
    Difference(
        "Errors of yours are wsproto's",
        sent("CloseConnection", 1000, "\ud800"),
        "UnicodeEncodeError",
        LOCAL,
    ),
    Difference(
        "Errors of yours are wsproto's", sent("TextMessage", "\ud800"), "UnicodeEncodeError", LOCAL
    ),
    Difference("Errors of yours are wsproto's", sent("Ping", bytes(126)), "ValueError", LOCAL),
    Difference(
        "Errors of yours are wsproto's",
        sent("CloseConnection", "1000"),
        "struct.error",
        "TypeError",
    ),
    Difference("Errors of yours are wsproto's", mixed, "TypeError", LOCAL),
    Difference("A payload is bytes", body_type, "bytearray", "bytes"),
    Difference("A payload is bytes", sent("Ping", [1]), b"\x89\x01\x01", "TypeError"),
    Difference(
        "Short messages go uncompressed", compressed("short"), [(0xC1, False)], [(0x81, False)]
    ),
    Difference(
        "Each fragment is complete",
        compressed("a" * 99, "b"),
        [(0x41, True), (0x80, False)],
        [(0x41, False), (0x80, False)],
    ),
]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: each.title)
def test_a_difference_is_as_it_is_described(difference: Difference) -> None:
    assert difference.theirs != difference.ours
    assert difference.scenario(THEIRS) == difference.theirs
    assert difference.scenario(OURS) == difference.ours


def test_the_documentation_lists_just_these() -> None:
    text = (Path(__file__).parents[1] / "docs" / "compat.rst").read_text("utf-8")
    _, _, listed = text.partition(".. _compat-differences:")
    titles = re.findall(r"^(\w.*)\n   \S", listed, re.M)
    assert len(set(titles)) == len(titles)
    assert set(titles) == {difference.title for difference in DIFFERENCES}
