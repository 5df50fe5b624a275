"""The errors: their tree, what each one means on the wire, and that they are values."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import wsproto_core
from wsproto_core import (
    CloseCode,
    CompressedDataError,
    ConnectionState,
    FrameError,
    HandshakeError,
    InvalidURI,
    LocalProtocolError,
    MalformedHandshake,
    MessageTooBig,
    ProtocolError,
    RemoteProtocolError,
)
from wsproto_core import exceptions as module

ERRORS: dict[str, type[ProtocolError]] = {name: getattr(module, name) for name in module.__all__}
REMOTE = [each for each in ERRORS.values() if issubclass(each, RemoteProtocolError)]
LOCAL = [each for each in ERRORS.values() if issubclass(each, LocalProtocolError)]

PARENTS = {
    "ProtocolError": "Exception",
    "LocalProtocolError": "ProtocolError",
    "InvalidURI": "LocalProtocolError",
    "RemoteProtocolError": "ProtocolError",
    "FrameError": "RemoteProtocolError",
    "InvalidTextError": "RemoteProtocolError",
    "CompressedDataError": "RemoteProtocolError",
    "MessageTooBig": "RemoteProtocolError",
    "TooManyFragments": "RemoteProtocolError",
    "PongTimeout": "RemoteProtocolError",
    "ClosingTimeout": "RemoteProtocolError",
    "HandshakeError": "RemoteProtocolError",
    "MalformedHandshake": "HandshakeError",
    "MethodNotAllowed": "HandshakeError",
    "HTTPVersionNotSupported": "HandshakeError",
    "UnsupportedVersion": "HandshakeError",
    "OrdinaryConnect": "HandshakeError",
    "UnsupportedProtocol": "HandshakeError",
    "HeadTooLarge": "HandshakeError",
    "OriginNotAllowed": "HandshakeError",
    "HostNotAllowed": "HandshakeError",
    "EarlyDataTooLarge": "HandshakeError",
    "NegotiationError": "HandshakeError",
    "ConnectionLost": "HandshakeError",
    "OpeningTimeout": "HandshakeError",
}

CLOSE_CODES = {
    "RemoteProtocolError": 1002,
    "FrameError": 1002,
    "InvalidTextError": 1007,
    "CompressedDataError": 1007,
    "MessageTooBig": 1009,
    "TooManyFragments": 1008,
    "PongTimeout": 1011,
    "ClosingTimeout": 1006,
    "EarlyDataTooLarge": 1009,
}

STATUSES = {
    "MethodNotAllowed": 405,
    "HTTPVersionNotSupported": 505,
    "UnsupportedVersion": 426,
    "OrdinaryConnect": 501,
    "UnsupportedProtocol": 501,
    "HeadTooLarge": 431,
    "OriginNotAllowed": 403,
    "HostNotAllowed": 421,
    "EarlyDataTooLarge": 413,
    "OpeningTimeout": 408,
}


def full(error: type[ProtocolError]) -> ProtocolError:
    """An instance with every attribute set."""
    if issubclass(error, RemoteProtocolError):
        return error("what", section="RFC 6455 section 5.2", offset=17)
    if issubclass(error, LocalProtocolError):
        return error("what", state=ConnectionState.CLOSED, close_code=1000)
    return error("what")


each_error = pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)


def test_the_tree() -> None:
    tree = {name: error.__bases__[0].__name__ for name, error in ERRORS.items()}
    assert tree == PARENTS
    assert all(len(error.__bases__) == 1 for error in ERRORS.values())


def test_there_are_two_kinds_and_no_third() -> None:
    assert {*REMOTE, *LOCAL, ProtocolError} == set(ERRORS.values())
    assert not set(REMOTE) & set(LOCAL)


@each_error
def test_every_error_is_public(error: type[ProtocolError]) -> None:
    assert getattr(wsproto_core, error.__name__) is error


@pytest.mark.parametrize("error", REMOTE)
def test_close_codes(error: type[RemoteProtocolError]) -> None:
    assert error.close_code == CLOSE_CODES.get(error.__name__, 1002)


@pytest.mark.parametrize("error", [each for each in REMOTE if issubclass(each, HandshakeError)])
def test_statuses(error: type[HandshakeError]) -> None:
    assert error.status == STATUSES.get(error.__name__, 400)


def test_answers_that_must_carry_a_field_do() -> None:
    carried = {
        name: error.headers
        for name, error in ERRORS.items()
        if issubclass(error, HandshakeError) and error.headers
    }
    assert carried == {
        "MethodNotAllowed": (("Allow", "GET"),),  # RFC 9110 section 15.5.6
        # RFC 6455 section 4.4, RFC 9110 section 15.5.22
        "UnsupportedVersion": (("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")),
    }


@each_error
def test_the_message_is_what_str_gives(error: type[ProtocolError]) -> None:
    assert str(full(error)) == "what"
    assert repr(full(error)) == f"{error.__name__}('what')"


@each_error
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling(error: type[ProtocolError], protocol: int) -> None:
    original = full(error)
    restored = pickle.loads(pickle.dumps(original, protocol))
    assert type(restored) is error
    assert restored == original
    assert restored.args == original.args
    assert vars(restored) == vars(original)


@each_error
def test_an_error_survives_copying(error: type[ProtocolError]) -> None:
    original = full(error)
    assert copy.copy(original) == original
    assert copy.deepcopy(original) == original


@each_error
def test_errors_compare_by_type_and_content(error: type[ProtocolError]) -> None:
    assert full(error) == full(error)
    assert hash(full(error)) == hash(full(error))
    assert full(error) != error("something else")
    assert full(error) != full(FrameError if error is not FrameError else MessageTooBig)
    assert full(error) != "what"


@pytest.mark.parametrize("difference", [{"offset": 18}, {"section": "other"}])
def test_remote_errors_differ_by_section_and_offset(difference: dict[str, Any]) -> None:
    content = {"section": "RFC 6455 section 5.2", "offset": 17}
    assert FrameError("what", **content) != FrameError("what", **{**content, **difference})


@pytest.mark.parametrize("difference", [{"state": None}, {"close_code": 1001}])
def test_local_errors_differ_by_state_and_close_code(difference: dict[str, Any]) -> None:
    content = {"state": ConnectionState.CLOSED, "close_code": 1000}
    assert LocalProtocolError("x", **content) != LocalProtocolError(
        "x", **{**content, **difference}
    )


def test_what_is_not_known_is_left_out() -> None:
    remote = MalformedHandshake("what")
    assert (remote.section, remote.offset) == ("", None)
    local = InvalidURI("what")
    assert (local.state, local.close_code) == (None, None)


def test_a_message_over_a_limit_says_the_limit() -> None:
    error = MessageTooBig.of_message(1234)
    assert type(error) is MessageTooBig
    assert "1234" in str(error)
    assert error.section == "RFC 6455 section 10.4"
    assert error.close_code is CloseCode.MESSAGE_TOO_BIG


def test_subclasses_of_users_are_values_too() -> None:
    class Mine(CompressedDataError):
        pass

    assert Mine("x", offset=1) == Mine("x", offset=1)
    assert Mine("x") != CompressedDataError("x")
