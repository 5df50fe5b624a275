"""No program in Python can crash the interpreter through us: what is misused raises.

Compiled code takes C's word for what an object is and for what has been set. Each test here
would read or write memory that is not ours if nothing checked. In pure mode they show that
both modes refuse the same.
"""

from __future__ import annotations

import enum
import gc
import inspect
import os
import pickle
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice, product
from typing import Any, get_origin

import pytest
from expect import ATTRIBUTES
from wire import (
    FIN,
    PING,
    ROLES,
    TEXT,
    connection,
    fixed_random,
    frame_from,
    frame_to,
    new_client,
    open_one,
)

import wsproto_core
from wsproto_core import (
    BytesMessage,
    ClientConnection,
    CloseConnection,
    Connection,
    ConnectionState,
    Event,
    Frame,
    Limits,
    LocalProtocolError,
    Message,
    PerMessageDeflate,
    Ping,
    Pong,
    Role,
    ServerConnection,
    TextMessage,
)

HELLO = frame_to(Role.SERVER, FIN | TEXT, b"hello")


def some(events: Iterator[Event]) -> list[Event]:
    """Those that come next: what users override may go on for ever."""
    return list(islice(events, 9))


USES: dict[str, Callable[[Any], object]] = {
    "receive_data": lambda ws: some(ws.receive_data(b"x")),
    "receive_eof": lambda ws: some(ws.receive_eof()),
    "receive_reset": lambda ws: some(ws.receive_reset()),
    "events": lambda ws: some(ws.events()),
    "send text": lambda ws: ws.send(TextMessage("x")),
    "send bytes": lambda ws: ws.send(BytesMessage(b"x")),
    "send Ping": lambda ws: ws.send(Ping(b"x")),
    "send Pong": lambda ws: ws.send(Pong(b"x")),
    "send Close": lambda ws: ws.send(CloseConnection(1000)),
    "send_text": lambda ws: ws.send_text("x"),
    "send_bytes": lambda ws: ws.send_bytes(b"x"),
    "ping": lambda ws: ws.ping(),
    "close": lambda ws: ws.close(),
    "data_to_send": lambda ws: ws.data_to_send(),
    "data_to_send, some": lambda ws: ws.data_to_send(1),
    "buffers_to_send": lambda ws: ws.buffers_to_send(),
    "pending_bytes": lambda ws: ws.pending_bytes,
    "bytes_parsed": lambda ws: ws.bytes_parsed,
}
each_use = pytest.mark.parametrize("use", USES.values(), ids=USES)
UNMADE = (AssertionError, AttributeError, KeyError)
"""What comes of using a connection whose ``__init__`` did not run."""


# What was never made, or made twice


class Careless(Connection):
    """Does not call what it should."""

    def __init__(self) -> None:
        pass


class Stubborn(ServerConnection):
    """Goes on although it could not be made."""

    def __init__(self) -> None:
        with suppress(TypeError):
            super().__init__(limits=5)  # type: ignore[arg-type]


def unmade() -> Iterator[Connection]:
    for kind in (Connection, ClientConnection, ServerConnection):
        yield kind.__new__(kind)
    yield Careless()
    yield Stubborn()


@each_use
def test_a_connection_that_was_never_made(use: Callable[[Any], object]) -> None:
    for ws in unmade():
        with pytest.raises(UNMADE):
            use(ws)


def test_an_iterator_that_was_never_made() -> None:
    kind = type(connection().events())
    makers: list[Callable[[], Any]] = [kind, lambda: kind.__new__(kind)]
    for make in makers:
        with pytest.raises((StopIteration, TypeError)):  # where it is a generator it is not made
            next(make())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("end", ["receive_eof", "receive_reset", "bad frame", "deleted"])
def test_iterators_that_are_kept_after_the_end(role: Role, end: str) -> None:
    ws = connection(role)
    text = frame_to(role, FIN | TEXT, b"hello")
    kept = [ws.events(), ws.receive_data(text[:3]), ws.receive_data(text[3:] + text)]
    assert next(kept[0]) == TextMessage("hello")
    if end == "bad frame":
        kept.append(ws.receive_data(b"\xff" * 10))
    elif end == "deleted":
        del ws  # the iterators are all that is left of it
        assert next(kept[1]) == TextMessage("hello")
    else:
        kept.append(getattr(ws, end)())
    left = [type(event) for each in kept for event in each]
    assert (
        left
        == {
            "receive_eof": [TextMessage, CloseConnection],
            "receive_reset": [TextMessage, CloseConnection],
            "bad frame": [TextMessage, CloseConnection],
            "deleted": [],
        }[end]
    )
    assert [next(each, None) for each in kept * 2] == [None] * 2 * len(kept)


def test_events_that_were_never_made() -> None:
    for kind in (TextMessage, BytesMessage, Message, Ping, Pong):
        event = kind.__new__(kind)
        for ws in map(connection, ROLES):
            with pytest.raises((AttributeError, TypeError)):
                ws.send(event)
            assert ws.pending_bytes == 0
        with suppress(AttributeError):
            assert "None" in repr(event)
        with suppress(AttributeError):
            assert hash(event) == hash(event)


def test_a_codec_that_was_never_made() -> None:
    codec: Any = PerMessageDeflate().codec(Role.SERVER)
    bare = type(codec).__new__(type(codec))
    frame = Frame(wsproto_core.Opcode.TEXT, b"x", rsv1=True)
    for use in (bare.encode, lambda frame: bare.decode(frame, None)):
        with pytest.raises((AttributeError, TypeError)):
            use(frame)


MAKERS: dict[str, tuple[Callable[[], Any], tuple[Any, ...]]] = {
    "Connection": (connection, (Role.SERVER,)),
    "ClientConnection": (new_client, ("ws://example.com",)),
    "ServerConnection": (ServerConnection, ()),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_connection_is_initialized_once(name: str) -> None:
    make, arguments = MAKERS[name]
    ws = make()
    before = {name: getattr(ws, name) for name in ATTRIBUTES}
    with pytest.raises(LocalProtocolError, match="initialized once"):
        ws.__init__(*arguments)
    assert {name: getattr(ws, name) for name in ATTRIBUTES} == before


def test_a_connection_is_not_initialized_again_while_it_asks_for_random_bytes() -> None:
    def random_bytes(size: int) -> bytes:
        with pytest.raises(LocalProtocolError, match="initialized once"):
            ws.__init__(Role.CLIENT)  # type: ignore[misc]
        return fixed_random(size)

    ws = Connection(Role.CLIENT, random_bytes=random_bytes)
    ws.send_text("hello")
    assert ws.data_to_send() == frame_to(Role.SERVER, FIN | TEXT, b"hello")


# Subclasses

PUBLIC_CLASSES = [
    value
    for value in map(vars(wsproto_core).get, wsproto_core.__all__)
    if inspect.isclass(value)
    and get_origin(value) is None  # as Python 3.10 says of list[int]
    and not issubclass(value, enum.Enum)  # those cannot be extended
]


def wrong(*arguments: Any, **named: Any) -> Any:
    return "wrong"


def raising(*arguments: Any, **named: Any) -> Any:
    raise KeyError("overridden")


@pytest.mark.parametrize("kind", PUBLIC_CLASSES, ids=lambda kind: kind.__name__)
def test_subclasses_that_override_anything(kind: type) -> None:
    own = [name for name in dir(kind) if not name.startswith("__")]
    overrides = [(name,) for name in [*own, "__init__", "__eq__", "__hash__", "__reduce__"]]
    for names, value in product([own, *overrides], (wrong, raising, property(wrong), None, 5)):
        subclass: Any = type("Own", (kind,), dict.fromkeys(names, value))
        for arguments in ((), (Role.SERVER,), ("ws://example.com",), (b"x",), (1, "x", (), ())):
            with suppress(Exception):
                made = subclass(*arguments)
                for use in (*USES.values(), repr, hash, pickle.dumps, connection().send):
                    with suppress(Exception):
                        use(made)


def test_a_subclass_in_place_of_an_event_that_is_sent() -> None:
    """What is sent is what the event was made of, whatever its properties say."""

    class Text(TextMessage):
        __slots__ = ()
        data = 5  # type: ignore[assignment]
        message_finished = property(lambda self: 1 / 0)  # type: ignore[assignment]

    ws = connection(Role.SERVER)
    ws.send(Text("hello"))
    assert ws.data_to_send() == frame_from(Role.SERVER, FIN | TEXT, b"hello")


# What is not what it should be


def own_classes() -> Iterator[type]:
    """All classes of the package, the internal ones too."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("wsproto_core."):
            for value in vars(module).values():
                if inspect.isclass(value) and value.__module__ == name:
                    yield value


OTHERS = [None, 5, "text", b"bytes", [], object(), Ping(b"x"), TextMessage("x"), connection()]
ARGUMENTS = [(), (b"x",), ("x",), (b"x", 1), (0, b"x", b"y")]


@pytest.mark.parametrize("kind", [*own_classes()], ids=lambda kind: kind.__qualname__)
def test_a_method_called_on_something_else(kind: type) -> None:
    for method in vars(kind).values():
        if not hasattr(method, "__get__") or isinstance(method, (classmethod, staticmethod)):
            continue
        for other in OTHERS:
            if kind in type(other).__mro__:
                continue
            for arguments in ARGUMENTS:
                with suppress(Exception):
                    method(other, *arguments)
                with suppress(Exception):
                    method.__get__(other)(*arguments)
                with suppress(Exception):
                    types.MethodType(method, other)(*arguments)


@pytest.mark.parametrize("other", [None, 5, "text", object(), Ping(b"x")], ids=repr)
def test_the_methods_that_users_call_refuse_something_else(other: Any) -> None:
    kind: Any = Connection
    calls: list[Callable[[], object]] = [
        lambda: kind.receive_data(other, b"x"),
        lambda: kind.receive_eof(other),
        lambda: kind.events(other),
        lambda: kind.send(other, Ping()),
        lambda: kind.send_text(other, "x"),
        lambda: kind.send_bytes(other, b"x"),
        lambda: kind.ping(other),
        lambda: kind.data_to_send(other),
        lambda: kind.buffers_to_send(other),
        lambda: kind.pending_bytes.__get__(other),
    ]
    if not isinstance(other, Ping):
        calls.append(lambda: Ping.response(other))
    for number, call in enumerate(calls):
        if number == 2 or (number == 9 and other is None):
            with suppress(AttributeError, TypeError):  # the iterator or the property: harmless
                call()
            continue
        with pytest.raises((AttributeError, TypeError)):
            call()


GARBAGE = [None, 5, "text", b"bytes", object(), [], *ConnectionState, *Role]


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize("role", ROLES)
def test_attributes_that_were_assigned_to_or_deleted(role: Role, name: str) -> None:
    kinds = (connection, open_one, lambda role: MAKING[role]())
    for make, value in product(kinds, GARBAGE):
        ws = make(role)
        with suppress(AttributeError):
            setattr(ws, name, value)
            if value is None:
                delattr(ws, name)
        for use in USES.values():
            with suppress(Exception):
                use(ws)
            with suppress(Exception):
                list(ws.receive_data(frame_to(role, FIN | PING, b"x")))


MAKING: dict[Role, Callable[..., Connection]] = {
    Role.CLIENT: new_client,
    Role.SERVER: ServerConnection,
}


# Numbers that no C type holds

LARGE = [2**31, 2**32, 2**63 - 1, 2**63, 2**64, 2**200]


@pytest.mark.parametrize("number", LARGE)
def test_any_number_of_bytes_may_be_asked_for(number: int) -> None:
    ws = connection()
    ws.send_text("hello")
    assert ws.data_to_send(number) == HELLO
    assert ws.data_to_send(number) == b""


@pytest.mark.parametrize("number", LARGE)
def test_limits_may_be_any_number(number: int) -> None:
    limits = Limits(*[number] * 9)
    for role in ROLES:
        ws = connection(role, limits=limits)
        text, ping = frame_to(role, FIN | TEXT, b"hello"), frame_to(role, FIN | PING)
        assert next(ws.receive_data(text)) == TextMessage("hello")
        assert list(ws.receive_data(ping * 30)) == [Ping()] * 30
        assert ws.error is None
        assert len(ws.data_to_send()) == 30 * len(frame_to(role.peer, FIN | PING))


# The same without assertions, and with memory that is filled when it is given back

PROGRAM = """
import test_callbacks as callbacks
import test_deceptive_arguments as deceptive
import test_memory_safety as tests
from contextlib import suppress
from itertools import product
for ws in tests.unmade():
    for use in tests.USES.values():
        with suppress(Exception):
            use(ws)
for kind in tests.own_classes():
    tests.test_a_method_called_on_something_else(kind)
for role in tests.ROLES:
    for name in tests.ATTRIBUTES:
        tests.test_attributes_that_were_assigned_to_or_deleted(role, name)
for kind in tests.PUBLIC_CLASSES:
    tests.test_subclasses_that_override_anything(kind)
for name, action in callbacks.ACTIONS.items():
    for make, bits in callbacks.MAKERS.items():
        callbacks.conversation(callbacks.TWINS[0], make, action, bits)
for role, form in product(tests.ROLES, deceptive.FORMS.values()):
    deceptive.test_bytes_that_lie_are_taken_for_what_they_hold(role, form)
for form in deceptive.FORMS.values():
    deceptive.test_codecs_and_sources_that_give_bytes_that_lie(form)
print("done")
"""


def test_nothing_depends_on_assertions() -> None:
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, "-O", "-c", PROGRAM],
        env={
            **os.environ,
            "PYTHONMALLOC": "debug",
            "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), here])),
        },
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


# Garbage that is collected in the middle


def test_finalizers_that_use_the_connection() -> None:
    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            with suppress(Exception):
                ws.data_to_send()
                ws.send_text("from the garbage")
                next(ws.receive_data(HELLO[:-3]), None)
                next(ws.receive_data(HELLO[-3:]), None)

    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for delivery in ("message", "chunk"):
            ws = connection(Role.SERVER, delivery=delivery)
            for _ in range(200):
                Garbage()
                with suppress(Exception):
                    events: list[Event] = list(ws.receive_data(HELLO * 2))
                    ws.send(events[0])
                    ws.ping(b"x" * 100)
                    ws.data_to_send(50)
    finally:
        gc.set_threshold(*thresholds)
