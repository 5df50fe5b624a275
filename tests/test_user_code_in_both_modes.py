"""What users write around the package comes out the same in both modes."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from twins import TWINS, Twin, compare_pickles, describe, examine, random_source
from wire import FIN, PING, TEXT, close_payload, fixed_random, frame_to

from wsproto_core import Role

HELLO = frame_to(Role.SERVER, FIN | TEXT, b"hello")
PINGED = frame_to(Role.SERVER, FIN | PING, b"1")
BYE = frame_to(Role.SERVER, 0x88, close_payload(1000, "bye"))


def outcome(action: Callable[..., object], *arguments: Any, **named: Any) -> object:
    """What comes of it; of errors that Python itself raises only the type."""
    try:
        return describe(action(*arguments, **named))
    except (AttributeError, TypeError) as error:
        return type(error).__name__


def server(twin: Twin, **options: Any) -> Any:
    return twin.package.Connection(twin.package.Role.SERVER, random_bytes=fixed_random, **options)


def client(twin: Twin, **options: Any) -> Any:
    options = {"random_bytes": random_source("seeded", 1), **options}
    return twin.package.Connection(twin.package.Role.CLIENT, **options)


# Events as values


def constructions(twin: Twin) -> object:
    """Each event, made from its first fields by position, the next by name, the rest not."""
    made: list[object] = []
    for kind, fields in twin.events.FIELDS.items():
        names = list(fields)
        for positional, named in product(range(len(names) + 2), range(len(names) + 1)):
            values = [*fields.values(), "one too many"][:positional]
            by_name = {name: fields[name] for name in names[positional : positional + named]}
            made.append(outcome(kind, *values, **by_name))
        made.append(outcome(kind, **fields, more=1))
        made.append(outcome(kind, *fields.values(), **fields))
    return made


def values(twin: Twin) -> object:
    return [examine(twin, twin.events.make(kind)) for kind in twin.events.FIELDS]


def matches(twin: Twin) -> object:
    """What a match statement makes of events, with any values in them."""
    package = twin.package
    odd: list[Any] = [None, 5, "text", b"bytes", (1, 2), [], {}]
    messages = [
        kind(data, *flags)
        for kind in (package.TextMessage, package.BytesMessage, package.Message)
        for data in odd
        for flags in ([], [False], [True, False, 1], [None, "x", b""])
    ]
    others = [kind(value) for kind in (package.Ping, package.Pong) for value in odd if value]
    events = [*map(twin.events.make, twin.events.FIELDS), *others, *messages]
    said = [outcome(twin.events.describe, event) for event in events]
    equal = [[one == other for other in events] for one in events]
    return (
        said,
        equal,
        [repr(event) for event in events],
        [outcome(hash, event) == outcome(hash, copy.copy(event)) for event in events],
    )


def attributes(twin: Twin) -> object:
    """Attributes: read, set and deleted, where there are some and where there are none."""
    ws = server(twin)
    event = next(ws.receive_data(HELLO))
    names = ("data", "message_finished", "more", "__doc__", "__class__", "__dict__", "_values")
    seen: list[object] = []
    for each, name in product((event, twin.package.Ping(b"1"), type(event), ws.events()), names):
        seen.append(outcome(hasattr, each, name))
        if each is not type(event) and name != "__class__":
            seen.append(outcome(setattr, each, name, None))
            seen.append(outcome(delattr, each, name))
    for name in ("pending_bytes", "finished", "send_eof", "bytes_parsed", "events", "send", "more"):
        seen.append(outcome(setattr, ws, name, None))
        seen.append(outcome(delattr, ws, name))
    return seen, describe(event)


# Classes of the user's own


def own_events(twin: Twin) -> object:
    package = twin.package

    class Greeting(package.TextMessage):  # type: ignore[name-defined, misc]
        __slots__ = ()

        def shout(self) -> str:
            return str(self.data.upper())

    class Stamped(package.BytesMessage):  # type: ignore[name-defined, misc]
        def __init__(self, data: bytes, when: int) -> None:
            super().__init__(data)
            self.when = when

        def __repr__(self) -> str:
            return f"<{self.when}>"

    class Farewell(package.CloseConnection):  # type: ignore[name-defined, misc]
        pass

    ws = client(twin)
    hi, stamped = Greeting("hi"), Stamped(b"x", 5)
    for event in (hi, stamped, package.Ping(b"1"), Farewell(3000, "so long")):
        ws.send(event)
    stamped.when = 6
    return (
        *(ws.data_to_send(), hi.shout(), repr(hi), repr(stamped), str(stamped), describe(hi)),
        *(hi == package.TextMessage("hi"), hi == Greeting("hi"), hash(hi) == hash(Greeting("hi"))),
        outcome(setattr, hi, "more", 1),
        outcome(vars, stamped),
        outcome(copy.copy, hi),
        outcome(copy.copy, stamped),
        outcome(lambda: type("Both", (package.TextMessage, package.BytesMessage), {})("x").data),
        outcome(weakref.ref, hi),
        outcome(lambda: weakref.ref(stamped)() is stamped),
        isinstance(hi, package.Message),
        issubclass(Stamped, package.Event),
    )


def own_connections(twin: Twin) -> object:
    package = twin.package
    seen: list[object] = []

    class Logged(package.Connection):  # type: ignore[name-defined, misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(package.Role.SERVER, **options)
            self.note = "mine"

        def receive_data(self, data: bytes) -> Any:
            seen.append(data)
            return super().receive_data(data)

        def send(self, event: Any) -> None:
            seen.append(describe(event))
            super().send(event)

        def send_text(self, data: str, **options: Any) -> None:
            super().send_text(data + "!", **options)

        @property
        def pending_bytes(self) -> int:
            return -int(super().pending_bytes)

    ws = Logged()
    for event in ws.receive_data(HELLO + PINGED):
        ws.send(event)
    ws.send_text("x")
    ws.ping()
    ws.close()
    seen += [ws.pending_bytes, ws.note, ws.state.name, ws.data_to_send(), ws.pending_bytes]
    seen.append(outcome(setattr, ws, "more", 1))
    seen.append(sorted(vars(ws)))
    return seen


# Several iterators, and none


def iterators(twin: Twin) -> object:
    ws = server(twin)
    seen: list[object] = []
    first = ws.receive_data(HELLO * 3)
    seen.append(describe(next(first)))
    second = ws.receive_data(PINGED + HELLO)
    third = iter(second)
    seen.append(third is second)
    seen.extend(
        (describe(next(events, None)), ws.pending_bytes)
        for events in (second, first, ws.events(), third, first)
    )
    del first
    ws.receive_data(HELLO + BYE)
    seen += map(describe, second)
    seen += map(describe, (next(third, None), list(ws.events()), ws.state))
    ws.receive_data(HELLO)
    with pytest.raises(StopIteration):
        next(ws.receive_eof())
    return seen, outcome(len, second), outcome(lambda: second[0]), ws.data_to_send()


def copies(twin: Twin) -> object:
    """Neither a connection nor its iterator can be copied, and the try harms neither."""
    package = twin.package
    makers = [
        lambda: server(twin),
        lambda: client(twin, extensions=[package.PerMessageDeflate()]),
        package.ServerConnection,
        lambda: package.ClientConnection("ws://example.com", random_bytes=fixed_random),
    ]
    seen: list[object] = []
    for make in makers:
        ws = make()
        for value in (ws, ws.events()):
            for way in (copy.copy, copy.deepcopy, lambda value: value.__reduce__()):
                with pytest.raises(TypeError) as caught:
                    way(value)
                if value is ws:  # of a generator, Python says so in its own words
                    seen.append(str(caught.value))
        seen.append((ws.data_to_send(), describe(list(ws.receive_data(HELLO)))))
    return seen


# Memory


def garbage(twin: Twin) -> object:
    """Cycles are found, whatever of ours is in them."""
    package = twin.package

    class Held(package.Connection):  # type: ignore[name-defined, misc]
        pass

    class Noted(package.TextMessage):  # type: ignore[name-defined, misc]
        pass

    def through_itself() -> Any:
        ws = Held(package.Role.SERVER)
        ws.own = ws
        return ws

    def through_its_source() -> Any:
        ws = package.Connection(package.Role.CLIENT, random_bytes=lambda size: ws and bytes(size))
        ws.send_text("x")
        return ws

    def through_its_iterator() -> Any:
        ws = Held(package.Role.SERVER)
        ws.own = ws.receive_data(HELLO)
        return ws

    def through_an_event() -> Any:
        ws = Held(package.Role.SERVER)
        noted = Noted("text")
        noted.own = ws
        ws.own = [noted, package.HandshakeFailed(ws), package.CloseConnection(ws)]
        return ws

    def through_its_request() -> Any:
        ws = package.ServerConnection()
        ws.request = package.Request(ws, "/")
        return ws

    def through_an_extension() -> Any:
        extension = package.PerMessageDeflate()
        ws = package.Connection(package.Role.SERVER, extensions=[extension])
        object.__setattr__(extension, "note", ws)
        return ws

    left = []
    for make in (
        *(through_itself, through_its_source, through_its_iterator, through_an_event),
        *(through_its_request, through_an_extension),
    ):
        reference = weakref.ref(make())
        gc.collect()
        left.append((make.__name__, reference() is None))
    assert all(gone for _, gone in left), left
    return left


PROGRAMS = (
    *(constructions, values, matches, attributes, own_events, own_connections),
    *(iterators, copies, garbage),
)


@pytest.mark.parametrize("program", PROGRAMS, ids=[each.__name__ for each in PROGRAMS])
def test_user_code(program: Callable[[Twin], object]) -> None:
    ours, theirs = (program(twin) for twin in TWINS)
    assert ours == theirs


def test_events_are_pickled_alike_whatever_is_in_them() -> None:
    every = [[twin.events.make(kind) for kind in twin.events.FIELDS] for twin in TWINS]
    compare_pickles(*every)
