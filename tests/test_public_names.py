"""The public names: all importable from the package, documented, and typed."""

from __future__ import annotations

import collections.abc
import importlib
import inspect
import pkgutil
import subprocess
import sys
import types
import typing
from typing import Any

import pytest

import wsproto_core
from wsproto_core import ClientConnection, Connection, ServerConnection, ServerOptions

PUBLIC = {name: getattr(wsproto_core, name) for name in wsproto_core.__all__}
# Python 3.10 takes an alias such as Callable[[int], bytes] for a class.
CLASSES = {
    name: value
    for name, value in PUBLIC.items()
    if inspect.isclass(value) and typing.get_origin(value) is None
}
CALLABLES = CLASSES | {name: value for name, value in PUBLIC.items() if hasattr(value, "__code__")}

# Names in a module's __all__ that are for the other modules only.
INTERNAL = {
    "wsproto_core.codes": {
        "CONTROL",
        "FIN",
        "MASKED",
        "MAX_CONTROL_PAYLOAD",
        "RSV1",
        "RSV2",
        "RSV3",
        "SENDABLE_CLOSE_CODES",
        "UNLIMITED",
    },
    "wsproto_core.carrier": {
        "CONTENT_LENGTH",
        "WITHOUT_BODY",
        "BodyPiece",
        "RejectionRules",
        "RequestHead",
        "ResponseHead",
        "WaitingData",
    },
    "wsproto_core.extended_connect": {
        "StreamClient",
        "StreamRequest",
        "StreamResponseWriter",
        "check_stream_fields",
    },
    "wsproto_core.extensions.base": {"as_extensions", "shared_rsv_bits"},
    "wsproto_core.extensions.deflate_codec": {"LARGEST_WINDOW", "DeflateCodec"},
    "wsproto_core.endpoint": {"Endpoint"},
    "wsproto_core.frames": {"FrameDecoder", "encode_header"},
    "wsproto_core.handshake": {
        "Offer",
        "check_host",
        "check_origin",
        "check_response",
        "check_subprotocols",
        "negotiate_extensions",
        "parse_request",
        "request_headers",
        "response_headers",
    },
    "wsproto_core.headers": {
        "as_headers",
        "check_fields",
        "check_received_fields",
        "format_extension_list",
        "is_key",
        "is_token",
        "parse_extension_list",
        "parse_host",
        "parse_origin",
        "parse_protocol_list",
        "parse_token_list",
        "quote",
        "values_by_name",
    },
    "wsproto_core.http1": {"ClientCarrier", "RequestReader", "ResponseWriter"},
    "wsproto_core.inlined": {"iterate"},
    "wsproto_core.masking": {
        "PayloadBuffer",
        "append_frame",
        "ascii_size",
        "copy_bytes",
        "copy_text",
        "keyed",
        "unmask",
        "unmask_text",
    },
    "wsproto_core.masking_keys": {"MaskingKeys"},
    "wsproto_core.message_reader": {"MessageReader"},
    "wsproto_core.message_writer": {"MessageWriter", "no_utf8"},
    "wsproto_core.output": {"OutputQueue", "append_to_all"},
    "wsproto_core.slots": {"read_in_place"},
    "wsproto_core.sender": {"Sender"},
    "wsproto_core.state": {"ADVICE", "ROLE_ONLY", "TRANSITIONS", "Action", "next_state"},
    "wsproto_core.timers": {"HeaderList", "AWAITED", "RULES", "Mark", "Timer", "Timers", "as_time"},
    "wsproto_core.types": {"as_bytes", "as_text"},
    "wsproto_core.uri": {"ProxyURI", "parse_proxy_uri"},
    "wsproto_core.utf8": {"decode_piece", "first_bad_byte"},
}

# What annotations may name that a module imports for type checkers only.
NAMESPACE = {
    **PUBLIC,
    **{name: getattr(collections.abc, name) for name in collections.abc.__all__},
    "Unpack": list,  # anything that takes a type: typing has it from Python 3.11 on
}

# The names in compat are wsproto's: see test_compat_install.py.
MODULES = [
    each.name
    for each in pkgutil.walk_packages(wsproto_core.__path__, "wsproto_core.")
    if each.name.split(".")[1] not in ("__main__", "cli", "compat")
]
each_public = pytest.mark.parametrize("name", PUBLIC)
each_class = pytest.mark.parametrize("name", CLASSES)


def own_members(owner: type) -> dict[str, Any]:
    """The public methods and properties that a class has from us."""
    return {
        name: member
        for kind in reversed(owner.__mro__)
        if kind.__module__.startswith("wsproto_core.")
        for name, member in vars(kind).items()
        if not name.startswith("_")
        and (isinstance(member, (property, classmethod, staticmethod)) or is_method(member))
    }


def is_method(member: object) -> bool:
    """Whether `member` is a function, compiled or not."""
    return hasattr(member, "__code__")


def test_all_is_sorted_and_has_each_name_once() -> None:
    names = wsproto_core.__all__
    assert len(set(names)) == len(names)
    assert sorted(names) == sorted(PUBLIC)
    # classes first in ASCII order, as the linter has it
    assert [name for name in names if name[0].isupper()] == sorted(
        (name for name in names if name[0].isupper()),
        key=lambda name: (not name.isupper(), name),
    )


def test_every_other_name_of_the_package_is_private_or_a_module() -> None:
    rest = {name for name in vars(wsproto_core) if not name.startswith("_")} - set(PUBLIC)
    rest -= {"annotations"}
    assert all(isinstance(getattr(wsproto_core, name), types.ModuleType) for name in rest), rest


@pytest.mark.parametrize("module_name", MODULES)
def test_every_name_that_a_module_offers_is_public_or_known_to_be_internal(
    module_name: str,
) -> None:
    module = importlib.import_module(module_name)
    offered = set(getattr(module, "__all__", ()))
    for name in offered:
        assert hasattr(module, name), name
    internal = INTERNAL.get(module_name, set())
    assert internal <= offered
    assert not internal & PUBLIC.keys()
    assert offered - internal <= PUBLIC.keys()
    for name in offered - internal:
        assert PUBLIC[name] is getattr(module, name)


def test_every_public_name_comes_from_a_module_that_offers_it() -> None:
    offered = {"__version__"}
    for module_name in MODULES:
        offered.update(getattr(importlib.import_module(module_name), "__all__", ()))
    assert set(PUBLIC) <= offered


def test_import_star_brings_exactly_the_public_names() -> None:
    namespace: dict[str, Any] = {}
    exec("from wsproto_core import *", namespace)
    del namespace["__builtins__"]
    assert namespace == PUBLIC


def test_names_are_there_without_importing_anything_else() -> None:
    program = "import wsproto_core as w; print(all(n in vars(w) for n in w.__all__))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.parametrize("module_name", ["wsproto_core", *MODULES])
def test_every_module_says_what_it_answers_for(module_name: str) -> None:
    assert importlib.import_module(module_name).__doc__


@pytest.mark.parametrize("name", CALLABLES)
def test_every_public_class_and_function_has_a_docstring(name: str) -> None:
    text = CALLABLES[name].__doc__
    assert text
    # the one that a dataclass or a named tuple writes by itself begins with its signature
    assert not text.startswith(f"{name}(")


@each_class
def test_every_public_member_has_a_docstring(name: str) -> None:
    undocumented = [
        member_name
        for member_name, member in own_members(CLASSES[name]).items()
        if not inspect.getdoc(member)
    ]
    assert undocumented == []


@each_class
def test_classes_say_they_come_from_our_modules(name: str) -> None:
    value = CLASSES[name]
    if value.__module__ != "builtins":
        assert value.__module__.partition(".")[0] == "wsproto_core"
        assert value.__qualname__ == name


@pytest.mark.parametrize("name", CALLABLES)
def test_annotations_can_be_resolved_at_run_time(name: str) -> None:
    value = CALLABLES[name]
    hints = typing.get_type_hints(value, localns=NAMESPACE)
    if is_method(value):
        assert "return" in hints
    else:
        for member in own_members(value).values():
            function = getattr(member, "fget", None) or getattr(member, "__func__", member)
            assert "return" in typing.get_type_hints(function, localns=NAMESPACE)


def test_server_options_are_the_keyword_arguments_of_a_server() -> None:
    parameters = inspect.signature(ServerConnection).parameters
    assert list(ServerOptions.__annotations__) == list(parameters)
    assert all(each.kind is each.KEYWORD_ONLY for each in parameters.values())
    annotations = ServerConnection.__init__.__annotations__
    forward = {
        name: getattr(hint, "__forward_arg__", hint)
        for name, hint in ServerOptions.__annotations__.items()
    }
    assert forward == {name: annotations[name] for name in parameters}
    assert ServerOptions.__required_keys__ == frozenset()


def test_both_roles_take_the_options_of_a_connection_with_the_same_defaults() -> None:
    def shared(kind: type) -> dict[str, Any]:
        names = {"limits", "delivery", "auto_pong", "auto_close", "random_bytes"}
        parameters = inspect.signature(kind).parameters
        return {name: parameters[name].default for name in names}

    assert shared(ClientConnection) == shared(ServerConnection) == shared(Connection)


def test_connections_declare_every_attribute_they_have() -> None:
    connections = (
        ClientConnection("ws://example.com"),
        ServerConnection(),
        Connection(wsproto_core.Role.CLIENT),
    )
    for connection in connections:
        assert not hasattr(connection, "__dict__")


def test_the_package_is_marked_as_typed() -> None:
    assert pkgutil.get_data("wsproto_core", "py.typed") == b""
