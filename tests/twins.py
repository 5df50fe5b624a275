"""One conversation held twice: with the package as it is imported, and with its pure copy.

A `Plan` is data: it says what happens to a connection, and knows neither of the two.
`compare` has it happen to both and compares all that a user can see. Where the tests run
in pure mode, both are pure: that tells nothing about the modes, but it keeps this file
working, and shows that a conversation depends on nothing but its plan.
"""

from __future__ import annotations

import array
import copy
import enum
import operator
import pickle
import random
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import zip_longest
from types import ModuleType
from typing import Any, NamedTuple

import modes
import streams
import test_custom_extensions
import test_events
import wire
from expect import ATTRIBUTES

import wsproto_core

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
USERS = [module.__name__ for module in (wire, streams, test_custom_extensions, test_events)]


class Twin:
    """One of the two packages, with the modules of the tests that use it."""

    def __init__(self, modules: Mapping[str, ModuleType], is_imported: bool) -> None:
        self._modules = None if is_imported else modules
        self.package: Any = modules["wsproto_core"]
        self.wire: Any = modules["wire"]
        self.streams: Any = modules["streams"]
        self.extensions: Any = modules["test_custom_extensions"]
        self.events: Any = modules["test_events"]
        self.expected_errors = (
            self.package.ProtocolError,
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        )

    def imported(self) -> AbstractContextManager[None]:
        """For a while, this is the package that counts as imported."""
        return modes.imported_instead(self._modules) if self._modules else nullcontext()


TWINS = (
    Twin({name: sys.modules[name] for name in ["wsproto_core", *USERS]}, is_imported=True),
    Twin(modes.pure_copy(*USERS), is_imported=False),
)
assert TWINS[0].package is wsproto_core


# What is seen, in words that both have


def describe(value: Any) -> Any:
    """All that there is to see of a value, with nothing in it that belongs to one twin."""
    kind = type(value).__name__
    if isinstance(value, type):
        return kind, value.__module__, value.__qualname__
    if isinstance(value, enum.Enum):
        return kind, value.name
    if value is None or isinstance(value, (int, float, str, bytes, bytearray)):
        return kind, value
    if isinstance(value, (tuple, list)):
        return kind, [describe(each) for each in value]
    if isinstance(value, BaseException):
        return describe_error(value)
    if hasattr(value, "__match_args__"):
        fields = [describe(getattr(value, name)) for name in value.__match_args__]
        return type(value).__module__, type(value).__qualname__, repr(value), fields
    return kind


def describe_error(error: BaseException) -> object:
    extra = {name: describe(value) for name, value in sorted(vars(error).items())}
    for name in ("close_code", "status", "headers"):
        extra[f"class {name}"] = describe(getattr(type(error), name, None))
    chain = [type(each).__name__ for each in (error.__cause__, error.__context__)]
    return type(error).__name__, str(error), describe(error.args), extra, chain


# What callers pass


class OwnBytes(bytes):
    """A subclass of the user's."""


class OwnText(str):
    """A subclass of the user's that has ideas of its own."""

    __slots__ = ()

    def encode(self, *arguments: Any) -> bytes:
        return b"something else"

    def isascii(self) -> bool:
        return True

    def __len__(self) -> int:
        return 1000


def every_other(data: bytes) -> memoryview:
    spread = bytearray(2 * len(data))
    spread[::2] = data
    return memoryview(spread)[::2]


FORMS: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda data: data,
    "subclass": lambda data: OwnText(data) if isinstance(data, str) else OwnBytes(data),
    "bytearray": bytearray,
    "memoryview": memoryview,
    "strided": every_other,
    "reversed": lambda data: memoryview(data[::-1])[::-1],
    "two-byte items": lambda data: array.array("H", data[: len(data) & ~1]),
    "in rows": lambda data: memoryview(data).cast("B", (1, len(data))) if data else b"",
}
TEXT_FORMS = {"as it is", "subclass"}


class Given(NamedTuple):
    """An argument: a value, and the form in which it is passed."""

    value: Any
    form: str = "as it is"

    def make(self) -> Any:
        if isinstance(self.value, bytes) or (
            isinstance(self.value, str) and self.form in TEXT_FORMS
        ):
            return FORMS[self.form](self.value)
        return self.value  # there is no such form of it


def random_source(kind: str, number: int) -> Callable[[int], Any]:
    """A source of random bytes. It fails, if it is one that does, after `number` calls."""
    seeded = random.Random(number).randbytes
    calls = iter(range(number))

    def source(size: int) -> Any:
        if kind == "seeded" or next(calls, None) is not None:
            return seeded(size)
        if kind == "raises":
            raise KeyError("no random bytes")
        if kind == "short":
            return seeded(size - 1)
        if kind == "text":
            return "x" * size
        return FORMS[kind](seeded(size))

    return wire.fixed_random if kind == "fixed" else source


SOURCES = ("fixed", "seeded", "raises", "short", "text", "bytearray", "memoryview", "subclass")


# The conversation


class Plan(NamedTuple):
    """How a connection is made, how its user answers, and what happens to it then."""

    kind: str
    role: str
    options: dict[str, Any]
    answers: str
    steps: list[tuple[Any, ...]]


class Conversation:
    """A plan as it is carried out by one of the twins. A step is the name of a method here,
    and its arguments."""

    def __init__(self, twin: Twin, plan: Plan) -> None:
        self.twin = twin
        self.plan = plan
        self.log: list[object] = []
        self.events: list[Any] = []
        self.iterators: list[Iterator[Any]] = []
        self.ws: Any = None

    def hold(self) -> list[object]:
        made = self.attempt("make", self.make)
        if made is not None:
            self.ws = made
            for name, *arguments in self.plan.steps:
                getattr(self, name)(*arguments)
                self.look()
        return self.log

    def attempt(self, what: str, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except self.twin.expected_errors as error:
            self.log.append((what, "raises", describe(error)))
            return None

    def look(self) -> None:
        self.log.append({name: describe(getattr(self.ws, name)) for name in ATTRIBUTES})
        self.log.append(self.ws.next_deadline())

    def make(self) -> Any:
        package = self.twin.package
        options = dict(self.plan.options)
        options["limits"] = package.Limits(**options.get("limits", {}))
        options["timeouts"] = package.Timeouts(**options.get("timeouts", {}))
        options["random_bytes"] = random_source(*options.pop("random", ("fixed", 0)))
        options["extensions"] = [
            package.PerMessageDeflate(**arguments)
            if name == "deflate"
            else self.twin.extensions.Shift(**arguments)
            for name, arguments in options.get("extensions", ())
        ]
        match self.plan.kind:
            case "open":
                return package.Connection(package.Role(self.plan.role), **options)
            case "client":
                return package.ClientConnection("ws://example.com/chat", **options)
            case "server":
                return package.ServerConnection(**options)
        fields = [tuple(line.split(": ", 1)) for line in wire.REQUEST_FIELDS]
        return package.ServerConnection.from_request(fields, "/chat", **options)

    # Steps

    def feed(self, data: bytes, sizes: list[int], count: int | None = None) -> None:
        """Receive `data` in pieces of these sizes; take `count` events after each of them."""
        at = turn = 0
        while at < len(data) or not turn:
            size = sizes[turn % len(sizes)] if sizes else len(data)
            turn += 1
            piece = data[at : at + size]
            at += size
            self.take_from(self.ws.receive_data(piece), count)

    def receive(self, given: Given, *now: Given) -> None:
        times = [each.make() for each in now]
        self.keep(self.attempt("receive", lambda: self.ws.receive_data(given.make(), *times)))

    def end(self, name: str, *now: Given) -> None:
        times = [each.make() for each in now]
        self.keep(self.attempt(name, lambda: getattr(self.ws, name)(*times)))

    def keep(self, events: Iterator[Any] | None) -> None:
        if events is not None:
            self.iterators.append(events)

    def take(self, which: int, count: int | None) -> None:
        if self.iterators:
            self.take_from(self.iterators[which % len(self.iterators)], count)

    def take_from(self, events: Iterator[Any], count: int | None) -> None:
        while count is None or count > 0:
            event = self.attempt("next", lambda: next(events, None))
            if event is None:
                break
            self.events.append(event)
            ws = self.ws
            self.log.append((describe(event), ws.bytes_parsed, ws.state.name, ws.pending_bytes))
            self.attempt("answer", lambda event=event: self.answer(event))
            count = None if count is None else count - 1

    def answer(self, event: Any) -> None:
        package = self.twin.package
        if self.plan.answers == "none":
            return
        if isinstance(event, package.Request):
            if self.plan.answers == "reject":
                self.ws.reject(404, body=b"no")
            else:
                self.ws.accept()
        elif isinstance(event, package.Message) and self.ws.state.name == "OPEN":
            self.ws.send(event)
        elif self.plan.answers == "respond" and hasattr(event, "response"):
            self.ws.send(event.response())

    def call(self, name: str, *arguments: Given, **named: Given) -> None:
        """Call a method of the connection."""
        values = [given.make() for given in arguments]
        by_name = {key: given.make() for key, given in named.items()}
        method = getattr(self.ws, name)
        self.log.append((name, describe(self.attempt(name, lambda: method(*values, **by_name)))))

    def drain_unjoined(self) -> None:
        """Take out all output; where it is cut is not the same in the two modes."""
        buffers = self.ws.buffers_to_send()
        self.log.append((b"".join(buffers), {type(each) for each in buffers}, b"" in buffers))

    def call_at(self, now: Given, name: str, *arguments: Given) -> None:
        """Call a method of the connection, and tell it the time."""
        self.call(name, *arguments, now=now)

    def write(self, kind: str, data: Given, finished: Given, compress: Given) -> None:
        """Send a frame of a message by one of the short forms."""
        by_name = {"message_finished": finished, "compress": compress}
        self.call(f"send_{kind}", data, **by_name)

    def send(self, kind: str, *arguments: Given) -> None:
        """Send an event of that kind."""
        make = getattr(self.twin.package, kind)
        event = self.attempt(kind, lambda: make(*[given.make() for given in arguments]))
        if event is not None:
            self.log.append(self.attempt(f"send {kind}", lambda: self.ws.send(event)))

    def examine(self) -> None:
        """Look at the last events as values."""
        self.log.extend(examine(self.twin, event) for event in self.events[-2:])
        self.log.append(weakref.ref(self.ws)() is self.ws)


def examine(twin: Twin, event: Any) -> object:
    """What can be done with an event, but for calling its methods."""

    def outcome(action: Callable[..., object], *arguments: Any) -> object:
        try:
            return describe(action(event, *arguments))
        except twin.expected_errors as error:
            return type(error).__name__

    name = event.__match_args__[0]
    return (
        describe(event),
        [outcome(way) for way in (copy.copy, copy.deepcopy, vars, weakref.ref)],
        [outcome(setattr, name, None), outcome(delattr, name), outcome(setattr, "more", None)],
        [outcome(way, copy.copy(event)) for way in (operator.eq, operator.ne, operator.lt)],
        [outcome(way, None) for way in (operator.eq, operator.ne, operator.gt)],
        hash(event) == hash(copy.copy(event)),
        event in {copy.copy(event)},
    )


def compare(plan: Plan) -> tuple[Conversation, ...]:
    """Have both carry out `plan`, and see that nobody could tell which did."""
    both = tuple([Conversation(twin, plan) for twin in TWINS])
    for one, other in zip_longest(*[each.hold() for each in both]):
        assert one == other
    return both


def compare_with_pickles(plan: Plan) -> None:
    """The same, and what each of them pickles the other can read."""
    values = [[*each.events, getattr(each.ws, "error", None)] for each in compare(plan)]
    compare_pickles(*values)


def compare_pickles(*values: object) -> None:
    """What one twin pickles, the other reads as what it has itself."""
    pickles = []
    for twin, value in zip(TWINS, values, strict=True):
        with twin.imported():
            pickles.append([pickle.dumps(value, protocol) for protocol in PROTOCOLS])
    for twin, value, data in zip(TWINS, values, reversed(pickles), strict=True):
        expected = describe(value)
        with twin.imported():
            for each in data:
                read = pickle.loads(each)
                assert read == value
                assert describe(read) == expected
