"""``import wsproto`` brings ours: every name that programs use is there, and as it was."""

from __future__ import annotations

import copy
import dataclasses
import enum
import importlib
import importlib.util
import inspect
import pickle
import subprocess
import sys
import types
from typing import Any

import pytest
from compat_api import OURS, THEIRS, both, without_wsproto, wsproto_modules

import wsproto_core
from wsproto_core import compat

MODULES = ("connection", "events", "extensions", "frame_protocol", "handshake", "utilities")

# wsproto's own machinery, and what only that needs.
MISSING = {
    "frame_protocol": {
        *("Buffer", "Frame", "FrameDecoder", "FrameProtocol", "Header", "MessageDecoder"),
        *("NULL_MASK", "ParseFailed", "RsvBits", "XorMaskerNull", "XorMaskerSimple"),
    },
    "utilities": {"ACCEPT_GUID"},
    "events": {"T"},
}
MISSING_MEMBERS = {"frame_inbound_complete", "frame_inbound_header", "frame_inbound_payload_data"}
MISSING_MEMBERS |= {"frame_outbound"}
MISSING_MEMBERS |= {"DEFAULT_CLIENT_MAX_WINDOW_BITS", "DEFAULT_SERVER_MAX_WINDOW_BITS"}


def own_names(module: types.ModuleType) -> dict[str, Any]:
    """The public names that a module does not import from another, nor to type with."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and getattr(value, "__module__", module.__name__) == module.__name__
        and name != "TYPE_CHECKING"
        and not (name.isupper() and name.partition("_")[0] in NUMBERS)
    }


# The numbers of a frame's header, and the ranges of close codes.
NUMBERS = {"FIN", "MASK", "MAX", "MIN", "OPCODE", "PAYLOAD", "RSV1", "RSV2", "RSV3"}

CLASSES = [
    pytest.param(value, getattr(getattr(OURS, module), name, None), id=f"{module}.{name}")
    for module in MODULES
    for name, value in own_names(getattr(THEIRS, module)).items()
    if inspect.isclass(value) and name not in MISSING.get(module, set())
]
EVENTS = [each for each in CLASSES if dataclasses.is_dataclass(each.values[0])]


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_the_names_that_wsproto_has(module: str) -> None:
    theirs = set(own_names(getattr(THEIRS, module)))
    ours = set(vars(getattr(OURS, module)))
    assert theirs - ours == MISSING.get(module, set())


def test_the_package_binds_its_modules_and_its_names() -> None:
    for name in (*MODULES, "typing"):
        module = getattr(OURS, name)
        assert isinstance(module, types.ModuleType)
        assert module.__name__ == f"wsproto.{name}"
    for name in ("Connection", "ConnectionState", "ConnectionType", "H11Handshake"):
        assert getattr(OURS, name) is not getattr(THEIRS, name)
    assert OURS.__version__ == THEIRS.__version__
    assert OURS.__all__ == THEIRS.__all__


@pytest.mark.parametrize(("theirs", "ours"), CLASSES)
def test_a_class_takes_and_has_what_wsprotos_does(theirs: Any, ours: Any) -> None:
    if issubclass(theirs, enum.Enum):
        assert {each.name: each.value for each in ours} == {
            each.name: each.value for each in theirs
        }
        assert [repr(each) for each in ours] == [repr(each) for each in theirs]
    elif not issubclass(theirs, Exception):
        wanted = inspect.signature(theirs).parameters
        found = inspect.signature(ours).parameters
        assert list(found) == list(wanted)
        for name, parameter in wanted.items():
            assert (found[name].default is parameter.empty) == (
                parameter.default is parameter.empty
            )
    members = {name for name in dir(theirs) if not name.startswith("_")} - MISSING_MEMBERS
    assert members <= set(dir(ours)) | set(getattr(ours, "__annotations__", ()))


@pytest.mark.parametrize(("theirs", "ours"), EVENTS)
def test_an_event_has_the_fields_of_wsprotos(theirs: Any, ours: Any) -> None:
    def shape(kind: Any) -> list[object]:
        return [
            (field.name, field.default, field.default_factory is dataclasses.MISSING)
            for field in dataclasses.fields(kind)
        ]

    assert shape(ours) == shape(theirs)
    assert ours.__match_args__ == theirs.__match_args__
    required = [field for field in dataclasses.fields(ours) if _is_required(field)]
    one, other = ours(*["x" for _ in required]), theirs(*["x" for _ in required])
    assert repr(one) == repr(other)
    assert str(one) == str(other)
    assert dataclasses.asdict(one) == dataclasses.asdict(other)


def _is_required(field: Any) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


@both
def test_events_are_values(api: Any) -> None:
    event = api.events.TextMessage("x", False)
    assert event == api.events.TextMessage(data="x", frame_finished=False)
    assert event != api.events.TextMessage("x")
    assert event != api.events.BytesMessage("x", False)
    assert hash(event) == hash(api.events.TextMessage("x", False))
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.data = "y"
    assert dataclasses.replace(event, data="y").data == "y"
    assert copy.deepcopy(event) == event
    assert isinstance(event, api.events.Message)
    assert isinstance(event, api.events.Event)
    assert api.events.Message[str] is not None


def test_events_pickle_where_nothing_is_installed() -> None:
    event = OURS.events.TextMessage("x")
    assert pickle.loads(pickle.dumps(event)) == event
    error = OURS.utilities.RemoteProtocolError("why", OURS.events.RejectConnection())
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.event_hint) == ("why", error.event_hint)


@both
def test_errors_are_of_one_family(api: Any) -> None:
    utilities = api.utilities
    assert issubclass(utilities.LocalProtocolError, utilities.ProtocolError)
    assert issubclass(utilities.RemoteProtocolError, utilities.ProtocolError)
    assert utilities.RemoteProtocolError("why").event_hint is None
    assert str(utilities.RemoteProtocolError("why", event_hint=1)) == "why"
    assert str(utilities.LocalProtocolError("why")) == "why"


def test_errors_of_ours_are_errors_of_the_engine() -> None:
    assert OURS.utilities.LocalProtocolError is wsproto_core.LocalProtocolError
    assert issubclass(OURS.utilities.RemoteProtocolError, wsproto_core.RemoteProtocolError)


@both
def test_the_functions_on_header_fields(api: Any) -> None:
    utilities = api.utilities
    token = utilities.generate_accept_token(b"dGhlIHNhbXBsZSBub25jZQ==")
    assert token == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert len(utilities.generate_nonce()) == 24
    assert utilities.generate_nonce() != utilities.generate_nonce()
    assert utilities.split_comma_header(b" a, b ;c,,") == ["a", "b ;c", "", ""]
    fields = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]
    assert utilities.normed_header_dict(fields) == {b"a": b"1, 3", b"b": b"2"}


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        (rb'a; b="c\",d", e', [r'a; b="c\",d"', "e"]),
        (b'a; b="c,d', ['a; b="c,d']),
        (b'a="b,\\', ['a="b,\\']),
    ],
)
def test_quoted_strings_hold_together(value: bytes, elements: list[str]) -> None:
    assert OURS.utilities.split_comma_header(value) == elements


# Installing


def test_what_was_installed_is_found_again_and_again() -> None:
    with without_wsproto():
        compat.install()
        first = sys.modules["wsproto"]
        compat.install()
        assert sys.modules["wsproto"] is first
        assert len([each for each in sys.meta_path if "compat" in repr(each)]) == 1
        assert importlib.import_module("wsproto.events") is first.events
        spec = importlib.util.find_spec("wsproto.events")
        assert spec is not None
        assert spec.origin == "wsproto_core.compat"
        assert importlib.reload(first) is first
        for name in wsproto_modules():
            del sys.modules[name]
        again = importlib.import_module("wsproto")
        assert again is not first
        assert again.WSConnection is first.WSConnection
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("wsproto.nothing")


def test_a_program_that_has_wsproto_already_is_told_so() -> None:
    assert sys.modules["wsproto"] is THEIRS
    before = sys.meta_path[:]
    with pytest.raises(
        ImportError, match=r"^wsproto is imported already, from .*__init__\.py: call "
    ):
        compat.install()
    assert sys.meta_path == before
    assert sys.modules["wsproto"] is THEIRS


def test_a_module_of_wsprotos_is_enough_to_be_told() -> None:
    with without_wsproto():
        sys.modules["wsproto.events"] = types.ModuleType("wsproto.events")
        with pytest.raises(
            ImportError, match=r"wsproto\.events is imported already, from elsewhere"
        ):
            compat.install()


def test_wsproto_itself_is_not_needed() -> None:
    program = (
        "import sys\n"
        "sys.path[:] = [each for each in sys.path if 'site-packages' not in each] + sys.argv[1:]\n"
        "import wsproto_core.compat\n"
        "wsproto_core.compat.install()\n"
        "import wsproto\n"
        "print(wsproto.events.Ping(), wsproto.WSConnection(wsproto.ConnectionType.SERVER).state)"
    )
    paths = {
        importlib.util.find_spec(name).origin.rpartition(name)[0]  # type: ignore[union-attr]
        for name in ("wsproto_core", "h11")
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True
    )
    assert done.stdout == "Ping(payload=b'') ConnectionState.CONNECTING\n"
