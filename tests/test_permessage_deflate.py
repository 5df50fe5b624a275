"""permessage-deflate alone: configuration, negotiation, and other implementations."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
import random
import zlib
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import wsproto.extensions
import wsproto.frame_protocol
from expect import measure
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib
from websockets.extensions import permessage_deflate as websockets_deflate
from websockets.frames import Frame as WebsocketsFrame
from websockets.frames import Opcode as WebsocketsOpcode
from zlib_ng import zlib_ng

from wsproto_core.codes import Role
from wsproto_core.exceptions import (
    NegotiationError,
)
from wsproto_core.extensions.deflate_codec import DeflateCodec, ZlibModule
from wsproto_core.extensions.permessage_deflate import PerMessageDeflate

BACKENDS: list[ZlibModule] = [zlib, zlib_ng, isal_zlib]
OFFER_ALL = (("client_max_window_bits", None),)

each_backend = pytest.mark.parametrize("backend", BACKENDS, ids=["zlib", "zlib_ng", "isal"])
backends = st.sampled_from(BACKENDS)
both_roles = pytest.mark.parametrize("role", list(Role))

RANDOM = random.Random(7692)
JSON = b'{"id": 17, "type": "tick", "symbol": "EURUSD", "bid": 1.0832, "ask": 1.0834}'
MESSAGES = [b"", b"x", JSON, JSON, RANDOM.randbytes(2000), b"ab" * 40_000, JSON * 9, b""]


def codec(role: Role = Role.SERVER, **options: Any) -> DeflateCodec:
    return PerMessageDeflate(**options).codec(role)


# Configuration


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("server_no_context_takeover", 1, TypeError),
        ("client_no_context_takeover", None, TypeError),
        ("server_max_window_bits", 7, ValueError),
        ("server_max_window_bits", 16, ValueError),
        ("client_max_window_bits", True, TypeError),
        ("client_max_window_bits", "9", TypeError),
        ("level", 10, ValueError),
        ("level", 1.5, TypeError),
        ("mem_level", 0, ValueError),
        ("mem_level", 10, ValueError),
        ("mem_level", None, TypeError),
        ("threshold", -1, ValueError),
        ("threshold", None, TypeError),
        ("zlib", "zlib", TypeError),
    ],
)
def test_configuration_is_checked(option: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=option):
        PerMessageDeflate(**{option: value})  # type: ignore[arg-type]


def test_a_level_that_only_this_backend_lacks_is_refused() -> None:
    assert PerMessageDeflate(level=9, zlib=zlib_ng).level == 9
    with pytest.raises(ValueError, match="no level 9"):
        PerMessageDeflate(level=9, zlib=isal_zlib)


@each_backend
def test_extensions_are_immutable_values_that_pickle(backend: ZlibModule) -> None:
    extension = PerMessageDeflate(server_max_window_bits=10, zlib=backend)
    copy = pickle.loads(pickle.dumps(extension))
    assert copy == extension
    assert hash(copy) == hash(extension)
    assert copy.zlib is backend
    assert extension != PerMessageDeflate(server_max_window_bits=11, zlib=backend)
    with pytest.raises(dataclasses.FrozenInstanceError):
        extension.level = 1  # type: ignore[misc]


def test_a_backend_that_is_no_module_pickles_if_it_can_itself() -> None:
    unhashable: Any = SimpleNamespace(**vars(zlib))
    with pytest.raises(TypeError, match="unhashable"):
        PerMessageDeflate(zlib=unhashable)
    backend: Any = Backend()
    extension = PerMessageDeflate(zlib=backend)
    assert isinstance(pickle.loads(pickle.dumps(extension)).zlib, Backend)


class Backend:
    """A backend that is an object."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(zlib, name)


def test_repr_does_not_depend_on_where_modules_are_installed() -> None:
    text = repr(PerMessageDeflate(zlib=isal_zlib))
    assert text.startswith("PerMessageDeflate(server_no_context_takeover=False, ")
    assert "/" not in text


# Negotiation


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({}, [("client_max_window_bits", None)]),
        ({"client_max_window_bits": 9}, [("client_max_window_bits", "9")]),
        (
            {
                "server_no_context_takeover": True,
                "client_no_context_takeover": True,
                "server_max_window_bits": 15,
            },
            [
                ("server_no_context_takeover", None),
                ("client_no_context_takeover", None),
                ("server_max_window_bits", "15"),
                ("client_max_window_bits", None),
            ],
        ),
    ],
)
def test_offer_says_what_is_configured(options: Any, parameters: list[Any]) -> None:
    assert list(PerMessageDeflate(**options).offer()) == [tuple(parameters)]


BAD_VALUES = ["", "7", "16", "08", "010", "+9", "-9", " 9", "9.", "1e1", "0x9", "\u0669", "999"]
MALFORMED = [
    *[[(name, bad)] for bad in BAD_VALUES for name in ("server_max_window_bits",)],
    *[[("client_max_window_bits", bad)] for bad in BAD_VALUES],
    [("server_max_window_bits", None)],
    [("server_no_context_takeover", "")],
    [("client_no_context_takeover", "true")],
    [("client_max_window_bits", "9"), ("client_max_window_bits", "9")],
    [("server_no_context_takeover", None), ("server_no_context_takeover", None)],
    [("foo", None)],
    [("foo", "1")],
    [("Server_No_Context_Takeover", None)],
]


@pytest.mark.parametrize("parameters", MALFORMED, ids=str)
def test_malformed_parameters_decline_an_offer_and_fail_a_response(parameters: Any) -> None:
    assert PerMessageDeflate().accept(parameters) is None
    with pytest.raises(NegotiationError) as caught:
        PerMessageDeflate().confirm(parameters)
    assert caught.value.section == "RFC 7692 section 7.1"


def test_nothing_is_remembered_of_malformed_offers() -> None:
    extension = PerMessageDeflate()
    numbers = itertools.count()

    def decline_many() -> None:
        for number in itertools.islice(numbers, 500):
            long = f"{number}".rjust(6000, "x")
            assert extension.accept([(long, None)]) is None
            assert extension.accept([("server_max_window_bits", long)]) is None

    decline_many()
    kept, _ = measure(decline_many)
    assert kept < 8 << 10


def test_one_agreement_serves_all_who_offer_the_same() -> None:
    offer = [("client_max_window_bits", "10")]
    one, other = (PerMessageDeflate(level=level).accept(offer) for level in (3, 3))
    assert one is other
    assert PerMessageDeflate(level=4).accept(offer) != one


S, C = "server_max_window_bits", "client_max_window_bits"
SN, CN = "server_no_context_takeover", "client_no_context_takeover"


@pytest.mark.parametrize(
    ("options", "offered", "response", "agreed"),
    [
        ({}, [], [], (False, False, 15, 15)),
        ({}, [(C, None)], [], (False, False, 15, 15)),
        ({}, [(C, "15")], [], (False, False, 15, 15)),
        ({}, [(C, "10")], [(C, "10")], (False, False, 15, 10)),
        ({}, [(S, "8")], [(S, "8")], (False, False, 8, 15)),
        ({}, [(S, "15")], [(S, "15")], (False, False, 15, 15)),
        ({S: 10}, [], [(S, "10")], (False, False, 10, 15)),
        ({S: 10}, [(S, "12")], [(S, "10")], (False, False, 10, 15)),
        ({S: 12}, [(S, "10")], [(S, "10")], (False, False, 10, 15)),
        ({C: 10}, [(C, None)], [(C, "10")], (False, False, 15, 10)),
        ({C: 10}, [(C, "12")], [(C, "10")], (False, False, 15, 10)),
        ({C: 12}, [(C, "8")], [(C, "8")], (False, False, 15, 8)),
        ({C: 15}, [], [], (False, False, 15, 15)),
        ({}, [(CN, None), (SN, None)], [(SN, None), (CN, None)], (True, True, 15, 15)),
        ({SN: True}, [], [(SN, None)], (True, False, 15, 15)),
        ({CN: True}, [], [(CN, None)], (False, True, 15, 15)),
    ],
)
def test_a_server_agrees_to_the_strictest(
    options: Any, offered: Any, response: Any, agreed: tuple[bool, bool, int, int]
) -> None:
    agreement = PerMessageDeflate(level=3, **options).accept(offered)
    assert agreement is not None
    assert list(agreement.parameters) == response
    assert agreement.extension == PerMessageDeflate(*agreed, level=3)


def test_a_server_that_limits_the_client_declines_an_offer_that_does_not_allow_it() -> None:
    assert PerMessageDeflate(client_max_window_bits=14).accept([(S, "9")]) is None


@pytest.mark.parametrize(
    ("options", "response", "agreed"),
    [
        ({}, [], (False, False, 15, 15)),
        ({}, [(S, "8"), (C, "8")], (False, False, 8, 8)),
        ({}, [(SN, None), (CN, None)], (True, True, 15, 15)),
        ({CN: True}, [], (False, True, 15, 15)),
        ({SN: True}, [(SN, None)], (True, False, 15, 15)),
        ({S: 12}, [(S, "12")], (False, False, 12, 15)),
        ({S: 12}, [(S, "9")], (False, False, 9, 15)),
        ({S: 15}, [], (False, False, 15, 15)),
        ({C: 12}, [], (False, False, 15, 12)),
        ({C: 12}, [(C, "12")], (False, False, 15, 12)),
        ({C: 12}, [(C, "9")], (False, False, 15, 9)),
    ],
)
def test_a_client_confirms_what_it_offered(
    options: Any, response: Any, agreed: tuple[bool, bool, int, int]
) -> None:
    assert PerMessageDeflate(**options).confirm(response) == PerMessageDeflate(*agreed)


@pytest.mark.parametrize(
    ("options", "response", "section"),
    [
        ({SN: True}, [], "7.1.1.1"),
        ({S: 12}, [], "7.1.2.1"),
        ({S: 12}, [(S, "13")], "7.1.2.1"),
        ({C: 12}, [(C, "13")], "7.1.2.2"),
        ({}, [(C, None)], "7.1"),
    ],
)
def test_a_response_that_grants_less_is_refused(options: Any, response: Any, section: str) -> None:
    with pytest.raises(NegotiationError) as caught:
        PerMessageDeflate(**options).confirm(response)
    assert caught.value.section == f"RFC 7692 section {section}"


windows = st.none() | st.integers(8, 15)
extensions = st.builds(PerMessageDeflate, st.booleans(), st.booleans(), windows, windows)


@given(extensions, extensions)
def test_both_sides_agree_on_the_same(client: PerMessageDeflate, server: PerMessageDeflate) -> None:
    agreement = server.accept(client.offer()[0])
    assert agreement is not None  # our client always lets itself be limited
    assert client.confirm(agreement.parameters) == agreement.extension


# Other implementations


@both_roles
@pytest.mark.parametrize("fresh", [False, True], ids=["takeover", "no_takeover"])
def test_websockets_understands_us_and_we_it(role: Role, fresh: bool) -> None:
    ours = codec(
        role,
        server_no_context_takeover=fresh,
        client_no_context_takeover=fresh,
        server_max_window_bits=12,
        client_max_window_bits=11,
    )
    bits = {Role.SERVER: 12, Role.CLIENT: 11}
    theirs = websockets_deflate.PerMessageDeflate(fresh, fresh, bits[role], bits[role.peer])
    for data in MESSAGES:
        sent = WebsocketsFrame(WebsocketsOpcode.BINARY, ours.compress(data, True), rsv1=True)
        assert theirs.decode(sent).data == data
        frame = theirs.encode(WebsocketsFrame(WebsocketsOpcode.BINARY, data))
        assert ours.inflate_message(bytes(frame.data), None) == data


@both_roles
def test_websockets_and_we_negotiate(role: Role) -> None:
    ours = PerMessageDeflate(server_max_window_bits=12, client_max_window_bits=11)
    if role is Role.SERVER:
        factory = websockets_deflate.ClientPerMessageDeflateFactory(
            server_max_window_bits=10, client_max_window_bits=True
        )
        agreement = ours.accept(factory.get_request_params())
        assert agreement is not None
        theirs = factory.process_response_params(agreement.parameters, [])
        agreed = agreement.extension
    else:
        response, theirs = websockets_deflate.ServerPerMessageDeflateFactory(
            server_max_window_bits=10, client_max_window_bits=11
        ).process_request_params(ours.offer()[0], [])
        agreed = ours.confirm(response)
    assert agreed == PerMessageDeflate(False, False, 10, 11)
    assert (theirs.local_max_window_bits, theirs.remote_max_window_bits) == (
        (11, 10) if role is Role.SERVER else (10, 11)
    )


@both_roles
def test_wsproto_understands_us_and_we_it(role: Role) -> None:
    theirs = wsproto.extensions.PerMessageDeflate()
    theirs.finalize("permessage-deflate; server_max_window_bits=12; client_max_window_bits=11")
    protocol = wsproto.frame_protocol.FrameProtocol(role is Role.SERVER, [theirs])
    ours = codec(role, server_max_window_bits=12, client_max_window_bits=11)
    binary = wsproto.frame_protocol.Opcode.BINARY
    rsv = wsproto.frame_protocol.RsvBits(True, False, False)
    for data in MESSAGES:
        theirs.frame_inbound_header(protocol, binary, rsv, 0)
        received = theirs.frame_inbound_payload_data(protocol, ours.compress(data, True))
        assert isinstance(received, bytes)
        end = theirs.frame_inbound_complete(protocol, True)
        assert received + (end if isinstance(end, bytes) else b"") == data
        _, payload = theirs.frame_outbound(protocol, binary, rsv, data, True)
        assert ours.inflate_message(payload, None) == data


@pytest.mark.parametrize(
    "missing",
    [
        "DEFLATED",
        "Z_DEFAULT_COMPRESSION",
        "Z_SYNC_FLUSH",
        "compressobj",
        "decompressobj",
        "error",
    ],
)
def test_backend_without_all_of_zlibs_names_is_refused(missing: str) -> None:
    backend = ModuleType("backend")
    vars(backend).update({name: each for name, each in vars(zlib).items() if name != missing})
    with pytest.raises(TypeError, match=f"has no {missing}"):
        PerMessageDeflate(zlib=backend)  # type: ignore[arg-type]
