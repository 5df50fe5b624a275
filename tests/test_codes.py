"""The numbers: opcodes, close codes and roles, against the tables of RFC 6455."""

from __future__ import annotations

import pytest

from wsproto_core import CloseCode, Opcode, Role
from wsproto_core.codes import SENDABLE_CLOSE_CODES


def test_each_role_is_the_peer_of_the_other() -> None:
    assert Role.CLIENT.peer is Role.SERVER
    assert Role.SERVER.peer is Role.CLIENT
    assert [role.peer.peer for role in Role] == list(Role)


def test_roles_are_made_from_their_names() -> None:
    assert Role("client") is Role.CLIENT
    assert Role("server") is Role.SERVER
    with pytest.raises(ValueError, match="proxy"):
        Role("proxy")


def test_opcodes_are_those_of_the_registry() -> None:
    # RFC 6455 section 11.8
    assert {opcode.name: opcode.value for opcode in Opcode} == {
        "CONTINUATION": 0,
        "TEXT": 1,
        "BINARY": 2,
        "CLOSE": 8,
        "PING": 9,
        "PONG": 10,
    }


def test_control_opcodes_have_the_highest_bit_of_four() -> None:
    # RFC 6455 section 5.5
    for opcode in Opcode:
        assert opcode.is_control is bool(opcode & 0x8)


def test_registered_close_codes() -> None:
    # RFC 6455 section 7.4.1 and the IANA registry; 1004 has no meaning
    assert sorted(CloseCode) == [*range(1000, 1004), *range(1005, 1016)]
    assert CloseCode.NORMAL_CLOSURE == 1000
    assert CloseCode.TLS_HANDSHAKE == 1015


def test_close_codes_that_never_travel() -> None:
    never = {*range(1000), 1004, 1005, 1006, *range(1015, 3000), *range(5000, 65536)}
    assert set(range(65536)) - SENDABLE_CLOSE_CODES == never
    assert max(SENDABLE_CLOSE_CODES) == 4999
