"""The events as values: construction, equality, repr, pickling, pattern matching."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Sequence
from types import MemberDescriptorType
from typing import Any

import pytest

import wsproto_core
from wsproto_core import (
    COMPILED,
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    CloseSource,
    Event,
    HandshakeFailed,
    Headers,
    MalformedHandshake,
    Message,
    PerMessageDeflate,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto_core import events as module

HEADERS = Headers([("Host", "example.com"), ("X-Two", "a"), ("x-two", "b")])
ERROR = MalformedHandshake("bad", section="RFC 9112 section 3", offset=3)

# Each event: its fields in order, with a value for each that is not the default.
FIELDS: dict[type[Event], dict[str, Any]] = {
    Request: {
        "host": "example.com",
        "target": "/chat?room=1",
        "headers": HEADERS,
        "subprotocols": ("chat",),
        "extensions": (("permessage-deflate", (("client_max_window_bits", None),)),),
        "origin": "https://example.com",
    },
    AcceptConnection: {
        "subprotocol": "chat",
        "extensions": (PerMessageDeflate(),),
        "headers": HEADERS,
    },
    RejectConnection: {"status_code": 404, "headers": HEADERS, "has_body": True},
    RejectData: {"data": b"no", "body_finished": False, "truncated": True},
    HandshakeFailed: {"error": ERROR},
    CloseConnection: {"code": 3000, "reason": "r", "source": CloseSource.PEER},
    TextMessage: {
        "data": "hé",
        "frame_finished": False,
        "message_finished": False,
        "compress": True,
    },
    BytesMessage: {
        "data": b"\x00\xff",
        "frame_finished": False,
        "message_finished": False,
        "compress": False,
    },
    Ping: {"payload": b"p"},
    Pong: {"payload": b"p", "latency": 0.25, "keepalive": True},
}

REPRS = [
    (TextMessage("hi"), "TextMessage(data='hi')"),
    (TextMessage("hi", compress=False), "TextMessage(data='hi', compress=False)"),
    (
        BytesMessage(b"a", frame_finished=False, message_finished=False),
        "BytesMessage(data=b'a', frame_finished=False, message_finished=False)",
    ),
    (Ping(), "Ping()"),
    (Ping(b"x"), "Ping(payload=b'x')"),
    (Pong(b"x"), "Pong(payload=b'x')"),
    (Pong(b"x", 0.25, True), "Pong(payload=b'x', latency=0.25, keepalive=True)"),
    (RejectData(b"x"), "RejectData(data=b'x', body_finished=True, truncated=False)"),
    (
        CloseConnection(1000, "bye", CloseSource.PEER),
        "CloseConnection(code=1000, reason='bye', source=<CloseSource.PEER: 'peer'>)",
    ),
    (CloseConnection(None), "CloseConnection(code=None, reason='', source=None)"),
    (
        Request("h", "/"),
        (
            "Request(host='h', target='/', headers=Headers([]), subprotocols=(), "
            "extensions=(), origin=None)"
        ),
    ),
    (
        RejectConnection(404, {"A": "b"}),
        "RejectConnection(status_code=404, headers=Headers([('A', 'b')]), has_body=False)",
    ),
    (
        AcceptConnection("chat"),
        "AcceptConnection(subprotocol='chat', extensions=None, headers=Headers([]))",
    ),
    (HandshakeFailed(ERROR), "HandshakeFailed(error=MalformedHandshake('bad'))"),
]

each_event = pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)


def make(kind: type[Event]) -> Any:
    return kind(**FIELDS[kind])


def defaults(kind: type[Event]) -> dict[str, Any]:
    parameters = inspect.signature(kind).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


def test_every_event_is_covered_here() -> None:
    concrete = {getattr(module, name) for name in module.__all__}
    assert set(FIELDS) == concrete - {Event, Message, CloseSource}


@each_event
def test_positions_are_the_fields_in_order(kind: type[Event]) -> None:
    event = kind(*FIELDS[kind].values())
    assert event == make(kind)
    assert {name: getattr(event, name) for name in FIELDS[kind]} == FIELDS[kind]
    assert list(inspect.signature(kind).parameters) == list(FIELDS[kind])


def test_a_subclass_is_made_as_its_own_init_says() -> None:
    class Greeting(TextMessage):
        __slots__ = ()

    class Stamped(Ping):
        def __init__(self, when: float) -> None:
            super().__init__(b"%r" % when)

    class StampedAgain(Stamped):
        pass

    assert inspect.signature(Greeting) == inspect.signature(TextMessage)
    for kind in (Stamped, StampedAgain):
        assert str(inspect.signature(kind)) == "(when: 'float') -> 'None'"


@each_event
def test_events_match_by_position(kind: type[Event]) -> None:
    assert kind.__match_args__ == tuple(FIELDS[kind])  # type: ignore[attr-defined]


@each_event
def test_events_are_immutable(kind: type[Event]) -> None:
    event = make(kind)
    for name in FIELDS[kind]:
        with pytest.raises(AttributeError):
            setattr(event, name, None)
        with pytest.raises(AttributeError):
            delattr(event, name)
    # dataclasses with slots, up to Python 3.12, say so with a TypeError
    with pytest.raises((AttributeError, TypeError)):
        event.something_else = 1
    assert event == make(kind)


@each_event
def test_events_compare_and_hash_by_value(kind: type[Event]) -> None:
    assert make(kind) == make(kind)
    assert hash(make(kind)) == hash(make(kind))
    assert len({make(kind), make(kind)}) == 1
    assert make(kind) != FIELDS[kind]
    assert make(kind) != tuple(FIELDS[kind].values())


@each_event
def test_every_field_counts_in_a_comparison(kind: type[Event]) -> None:
    others = {**defaults(kind), "host": "h", "target": "/", "data": b"", "error": "e"}
    for name in FIELDS[kind]:
        other = kind(**{**FIELDS[kind], name: others[name]})
        assert other != make(kind), name


def test_events_of_two_kinds_are_never_equal() -> None:
    assert Ping(b"x") != Pong(b"x")
    assert TextMessage("") != BytesMessage(b"")
    assert len({Ping(), Pong()}) == 2


@each_event
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_events_survive_pickling(kind: type[Event], protocol: int) -> None:
    restored = pickle.loads(pickle.dumps(make(kind), protocol))
    assert type(restored) is kind
    assert restored == make(kind)
    assert repr(restored) == repr(make(kind))


@each_event
def test_events_survive_copying(kind: type[Event]) -> None:
    assert copy.copy(make(kind)) == make(kind)
    assert copy.deepcopy(make(kind)) == make(kind)


@pytest.mark.parametrize(("event", "text"), REPRS, ids=[text for _, text in REPRS])
def test_reprs_are_stable(event: Event, text: str) -> None:
    assert repr(event) == text
    if "source=<" not in text and not isinstance(event, HandshakeFailed):
        assert eval(text, vars(wsproto_core)) == event


def test_a_repr_is_that_of_the_own_class() -> None:
    class Greeting(TextMessage):
        __slots__ = ()

    assert repr(Greeting("hi")) == "Greeting(data='hi')"
    assert Greeting("hi") != TextMessage("hi")
    assert pickle.loads(pickle.dumps(TextMessage("hi"))) == TextMessage("hi")


def describe(event: Event) -> str:
    match event:
        case Request(host, target):
            return f"request {host}{target}"
        case TextMessage(text):
            return f"text {text}"
        case BytesMessage(data=data, message_finished=True):
            return f"bytes {len(data)}"
        case BytesMessage(_, frame_finished):
            return f"piece {frame_finished}"
        case Ping(payload) | Pong(payload):
            return f"heartbeat {len(payload)}"
        case CloseConnection(1000 | 1001 as code, reason):
            return f"end {code} {reason}"
        case CloseConnection(source=CloseSource.LOCAL):
            return "failed"
        case RejectConnection(status, has_body=True):
            return f"rejected {status} with a body"
        case RejectData(data, True):
            return f"last {len(data)}"
        case HandshakeFailed(MalformedHandshake(offset=offset)):
            return f"malformed at {offset}"
        case AcceptConnection(subprotocol=str(name)):
            return f"accepted {name}"
        case _:
            return "other"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Request("h", "/t"), "request h/t"),
        (TextMessage("a"), "text a"),
        (BytesMessage(b"abc"), "bytes 3"),
        (BytesMessage(b"abc", False, False), "piece False"),
        (Pong(b"ab"), "heartbeat 2"),
        (CloseConnection(1001, "bye"), "end 1001 bye"),
        (CloseConnection(1002, source=CloseSource.LOCAL), "failed"),
        (CloseConnection(1002), "other"),
        (RejectConnection(has_body=True), "rejected 403 with a body"),
        (RejectData(b"xy"), "last 2"),
        (HandshakeFailed(ERROR), "malformed at 3"),
        (AcceptConnection("chat"), "accepted chat"),
        (AcceptConnection(), "other"),
    ],
)
def test_events_work_in_match_statements(event: Event, text: str) -> None:
    assert describe(event) == text


def test_defaults() -> None:
    assert defaults(TextMessage) == {
        "frame_finished": True,
        "message_finished": True,
        "compress": None,
    }
    assert defaults(CloseConnection) == {"code": 1000, "reason": "", "source": None}
    assert defaults(RejectConnection)["status_code"] == 403
    assert Ping() == Ping(b"")
    assert Pong() == Pong(b"")


def test_a_ping_makes_its_pong() -> None:
    assert Ping(b"payload").response() == Pong(b"payload")
    assert Ping().response() == Pong()


@pytest.mark.parametrize(
    ("received", "answer"),
    [
        (CloseConnection(1000, "bye", CloseSource.PEER), CloseConnection(1000, "bye")),
        (CloseConnection(4321, "", CloseSource.PEER), CloseConnection(4321, "")),
        # RFC 6455 section 7.4.1: 1005 never travels, an empty Close stands for it
        (CloseConnection(1005, "", CloseSource.PEER), CloseConnection(None)),
    ],
)
def test_a_close_makes_its_answer(received: CloseConnection, answer: CloseConnection) -> None:
    assert received.response() == answer


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/a/b?c=d", "/a/b", "c=d"),
        ("/a?", "/a", ""),
        ("/a?b?c", "/a", "b?c"),
        ("/%3F?%23", "/%3F", "%23"),
    ],
)
def test_a_target_is_a_path_and_a_query(target: str, path: str, query: str) -> None:
    request = Request("example.com", target)
    assert (request.path, request.query) == (path, query)


@pytest.mark.parametrize("kind", [AcceptConnection, RejectConnection])
@pytest.mark.parametrize("given", [{"A": "b"}, [("A", "b")], Headers([("A", "b")]), [(b"A", b"b")]])
def test_headers_are_taken_in_any_form(kind: Any, given: Any) -> None:
    event = kind(headers=given)
    assert isinstance(event.headers, Headers)
    assert event.headers == Headers([("A", "b")])


def test_extensions_are_taken_as_any_sequence() -> None:
    given: Sequence[PerMessageDeflate] = [PerMessageDeflate()]
    assert AcceptConnection(extensions=given).extensions == (PerMessageDeflate(),)
    assert AcceptConnection(extensions=[]).extensions == ()
    assert AcceptConnection().extensions is None


def test_events_are_small() -> None:
    for kind in FIELDS:
        assert not hasattr(make(kind), "__dict__"), kind


def test_close_sources() -> None:
    assert {source.name: source.value for source in CloseSource} == {
        "PEER": "peer",
        "LOCAL": "local",
        "TRANSPORT": "transport",
    }


def test_a_message_that_is_neither_text_nor_bytes_still_has_its_fields() -> None:
    message = Message(b"x", False)
    assert (message.data, message.frame_finished, message.message_finished) == (b"x", False, True)


@pytest.mark.parametrize("kind", [TextMessage, BytesMessage])
def test_data_that_is_compiled_is_read_without_a_call(kind: type[Message]) -> None:
    assert isinstance(vars(kind)["data"], MemberDescriptorType if COMPILED else property)
    assert kind.data.__doc__ == ("The text." if kind is TextMessage else "The bytes.")
