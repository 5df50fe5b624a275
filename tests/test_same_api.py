"""What `help`, `inspect` and `typing` show of the package is the same in both modes."""

from __future__ import annotations

import collections.abc
import inspect
import pydoc
import re
import typing
from typing import Any

import pytest
from twins import TWINS, Twin

import wsproto_core

# What `help` says of these is not the same, and why.
SPECIAL_NAMES = {
    "__annotations__": "a compiled class has none: it has no variables but those in C",
    "__eq__": "a slot in C: without names and annotations of its parameters",
    "__ge__": "goes with __eq__ in C; still raises TypeError",
    "__gt__": "goes with __eq__ in C; still raises TypeError",
    "__hash__": "a slot in C",
    "__init__": "a slot in C; the signature of the class tells its parameters",
    "__le__": "goes with __eq__ in C; still raises TypeError",
    "__lt__": "goes with __eq__ in C; still raises TypeError",
    "__ne__": "goes with __eq__ in C",
    "__new__": "each compiled class has one of its own",
    "__pyx_vtable__": "Cython's own",
    "__reduce__": "does not inherit its docstring from object",
    "__repr__": "a slot in C",
}

# Python itself leaves a note in a class of which it has pickled an instance.
LEFT_OUT = {*SPECIAL_NAMES, "__slotnames__"}

# What a compiled function is called.
FUNCTION = "cython_function_or_method"

# Nobody makes one of these: that `inspect.signature` is at a loss does no harm.
WITHOUT_SIGNATURE = {"Event"}

NAMES = wsproto_core.__all__
CLASSES = [
    name
    for name in NAMES
    if inspect.isclass(getattr(wsproto_core, name))
    and typing.get_origin(getattr(wsproto_core, name)) is None
]
FUNCTIONS = [name for name in NAMES if hasattr(getattr(wsproto_core, name), "__code__")]

# A heading, or a rule between two parts: whether an attribute counts as a property depends
# on the mode, and with it the part in which it stands.
HEADING = re.compile(r" \|  (-+|.*(defined here|inherited from .*):)$")


def signature(value: Any) -> str:
    try:
        return str(inspect.signature(value))
    except ValueError:  # enumerations, for example
        return "none"


def connection_of(twin: Twin) -> Any:
    return twin.package.Connection(twin.package.Role.SERVER)


def head(twin: Twin, name: str) -> tuple[object, ...]:
    value = getattr(twin.package, name)
    attributes = ("__name__", "__qualname__", "__module__", "__match_args__")
    kind = type(value).__name__.replace(FUNCTION, "function")
    text = inspect.cleandoc(value.__doc__ or "")  # Python 3.13 has taken off the indentation
    return (kind, text, *[getattr(value, each, None) for each in attributes])


def members(twin: Twin, name: str) -> dict[str, tuple[object, ...]]:
    """Each public member of a class: whose it is, its docstring, and how it is called."""
    found: dict[str, tuple[object, ...]] = {}
    with twin.imported():
        for member in inspect.classify_class_attrs(getattr(twin.package, name)):
            if not member.name.startswith("_"):
                value = getattr(member.defining_class, member.name, None)
                is_data = member.kind in ("data", "property")
                kind = "attribute" if is_data else member.kind
                owner = member.defining_class.__qualname__
                names = [getattr(value, each, None) for each in ("__qualname__", "__module__")]
                called = () if is_data else (*names, signature(value))
                found[member.name] = (kind, owner, inspect.getdoc(value), *called)
    return found


def hints(twin: Twin, value: Any) -> str:
    namespace = {name: getattr(twin.package, name) for name in NAMES}
    namespace |= {name: getattr(collections.abc, name) for name in collections.abc.__all__}
    found = typing.get_type_hints(value, localns={**namespace, "Unpack": list})
    return str({name: hint for name, hint in found.items() if not name.startswith("__")})


def help_text(twin: Twin, name: str) -> list[str]:
    """The lines of `help` but for headings and `SPECIAL_NAMES`, sorted."""
    value = getattr(twin.package, name)
    kept: list[str] = []
    entry = ""
    with twin.imported():
        text = pydoc.plain(pydoc.render_doc(value))
    for line in text.splitlines()[1:]:  # the first one says what a function is called
        if begins := re.match(r" \|  (\w+)", line):
            entry = begins[1]
        if entry not in LEFT_OUT and not HEADING.match(line) and line.strip(" |"):
            kept.append(line)
    return sorted(kept)


def test_the_public_names_are_the_same() -> None:
    one, other = (twin.package for twin in TWINS)
    assert one.__all__ == other.__all__
    assert one.__doc__ == other.__doc__
    assert all(hasattr(other, name) for name in other.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_names_and_docstrings_are_the_same(name: str) -> None:
    one, other = (head(twin, name) for twin in TWINS)
    assert one == other


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_the_same_members(name: str) -> None:
    one, other = (members(twin, name) for twin in TWINS)
    assert one == other


@pytest.mark.parametrize("name", CLASSES)
def test_classes_count_as_the_same_kinds_of_collection(name: str) -> None:
    one, other = (kinds_of(getattr(twin.package, name)) for twin in TWINS)
    assert one == other


@pytest.mark.parametrize("twin", TWINS)
def test_what_gives_events_is_an_iterator(twin: Twin) -> None:
    kinds = kinds_of(type(connection_of(twin).events()))
    assert kinds - {"Generator"} == {"Hashable", "Iterable", "Iterator"}


def kinds_of(each: type) -> set[str]:
    kinds = [getattr(collections.abc, name) for name in collections.abc.__all__]
    return {kind.__name__ for kind in kinds if issubclass(each, kind)}


@pytest.mark.parametrize("name", sorted({*CLASSES, *FUNCTIONS} - WITHOUT_SIGNATURE))
def test_signatures_are_the_same(name: str) -> None:
    one, other = (signature(getattr(twin.package, name)) for twin in TWINS)
    assert one == other


@pytest.mark.parametrize("name", ["Message", "TextMessage", "BytesMessage", "Ping", "Pong"])
def test_the_signature_of_an_event_is_that_of_its_init(name: str) -> None:
    in_python = getattr(TWINS[1].package, name).__init__
    _, *parameters = inspect.signature(in_python).parameters.values()
    expected = inspect.signature(in_python).replace(parameters=parameters)
    assert {each.annotation for each in parameters} != {inspect.Parameter.empty}
    for twin in TWINS:
        assert inspect.signature(getattr(twin.package, name)) == expected


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS])
def test_type_hints_are_the_same(name: str) -> None:
    """But for properties: those in C have none at run time."""
    values = [getattr(twin.package, name) for twin in TWINS]
    pairs = [values]
    if name in CLASSES:
        kind = inspect.isroutine
        own = [member for member, _ in inspect.getmembers(values[1], kind) if member[0] != "_"]
        pairs += [[getattr(value, member) for value in values] for member in own]
    for pair in pairs:
        one, other = (hints(*each) for each in zip(TWINS, pair, strict=True))
        assert one == other, pair


@pytest.mark.parametrize("name", sorted({*NAMES} - {"__version__"}))
def test_help_is_the_same(name: str) -> None:
    one, other = (help_text(twin, name) for twin in TWINS)
    assert one == other


def test_only_what_must_is_left_out_of_help(pytestconfig: pytest.Config) -> None:
    left_out = {
        name
        for twin in TWINS
        for kind in CLASSES
        for name in dir(getattr(twin.package, kind))
        if name in SPECIAL_NAMES
    }
    in_c = {"__pyx_vtable__"} if pytestconfig.option.mode != "compiled" else set()
    assert left_out == SPECIAL_NAMES.keys() - in_c
