"""permessage-deflate (RFC 7692): its configuration and its negotiation.

This module turns parameters into an agreement. It must never know how parameters are
written in a header field, nor how a payload is compressed.
"""

from __future__ import annotations

import sys
import zlib as standard_zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar, Final, cast

from ..codes import Role
from ..exceptions import NegotiationError
from ..types import ExtensionName, ExtensionParameter
from .base import Agreement, Codec, Extension
from .deflate_codec import LARGEST_WINDOW, DeflateCodec, ZlibModule

__all__ = ["PerMessageDeflate"]


_NAME: Final = ExtensionName("permessage-deflate")
_RSV1: Final = 0x40

_SERVER_NO_TAKEOVER: Final = "server_no_context_takeover"
_CLIENT_NO_TAKEOVER: Final = "client_no_context_takeover"
_SERVER_BITS: Final = "server_max_window_bits"
_CLIENT_BITS: Final = "client_max_window_bits"

# RFC 7692 section 7.1: the values each parameter may have, and what they mean. "A decimal
# integer value without leading zeroes between 8 to 15 inclusive"; None stands for no value.
_Values = Mapping["str | None", int]
_WINDOW_BITS: Final[_Values] = {str(bits): bits for bits in range(8, LARGEST_WINDOW + 1)}
_IN_RESPONSE: Final[Mapping[str, _Values]] = {
    _SERVER_NO_TAKEOVER: {None: True},
    _CLIENT_NO_TAKEOVER: {None: True},
    _SERVER_BITS: _WINDOW_BITS,
    _CLIENT_BITS: _WINDOW_BITS,
}
_IN_OFFER: Final[Mapping[str, _Values]] = {
    **_IN_RESPONSE,
    _CLIENT_BITS: {**_WINDOW_BITS, None: LARGEST_WINDOW},
}
_RANGES: Final = {
    _SERVER_BITS: (8, LARGEST_WINDOW),
    _CLIENT_BITS: (8, LARGEST_WINDOW),
    "level": (-1, 9),
    "mem_level": (1, 9),
    "threshold": (0, sys.maxsize),
}
_OPTIONAL: Final = frozenset({_SERVER_BITS, _CLIENT_BITS, "level"})


@dataclass(frozen=True)
class PerMessageDeflate(Extension):
    """The permessage-deflate extension, as configured or as agreed (RFC 7692 section 7).

    A value: one object serves any number of connections, as client or as server. It
    pickles; a zlib module in it travels as its name.

    Raises:
        ValueError: a number is out of its range, or the backend has no such level.
        TypeError: an argument has the wrong type.
    """

    name: ClassVar[ExtensionName] = _NAME
    rsv: ClassVar[int] = _RSV1

    server_no_context_takeover: bool = False
    """Have the server compress every message by itself. A client demands it, and takes
    no response without it."""

    client_no_context_takeover: bool = False
    """Have the client compress every message by itself."""

    server_max_window_bits: int | None = None
    """The server's window is at most two to this power bytes, 8 to 15. A client demands
    it. None: 15, and nothing is said."""

    client_max_window_bits: int | None = None
    """The client's window is at most two to this power bytes, 8 to 15. None: 15; as a
    client, offer to be limited. A server that sets it below 15 declines offers that do
    not let it limit the client (RFC 7692 section 7.1.2.2): no inflater takes more memory
    than was configured."""

    level: int | None = None
    """The backend's compression level; None: its default."""

    mem_level: int = 5
    """Memory of each compressor: two to the power of `mem_level` + 9 bytes, 1 to 9, on
    top of four windows. More than 5 gains little for messages of some KiB."""

    threshold: int = 64
    """Messages of fewer bytes go out as they are unless asked otherwise: deflate gains
    nothing on them. A message sent in fragments counts as larger."""

    zlib: ZlibModule = field(default=standard_zlib, repr=False)
    """The backend: any module with zlib's interface."""

    def __post_init__(self) -> None:
        for name in (_SERVER_NO_TAKEOVER, _CLIENT_NO_TAKEOVER):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be a bool")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name} must be an int, not {type(value).__name__}")
            if not least <= value <= most:
                raise ValueError(f"{name} must be from {least} to {most}")
        backend: Any = self.zlib  # a module, which type checkers do not take for hashable
        _check_backend(backend, self.level)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if isinstance(self.zlib, ModuleType):
            state["zlib"] = self.zlib.__name__
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            named = name == "zlib" and isinstance(value, str)
            object.__setattr__(self, name, import_module(value) if named else value)

    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        """One set of parameters: what is configured is demanded, without a fallback.

        ``client_max_window_bits`` is always there, so that the server may limit us.
        """
        parameters: list[ExtensionParameter] = []
        for name in _IN_OFFER:
            value = getattr(self, name)
            if value is True or (value is None and name == _CLIENT_BITS):
                parameters.append((name, None))
            elif value:
                parameters.append((name, str(value)))
        return (tuple(parameters),)

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        """Agree to the strictest of what is offered and what is configured.

        None, to decline, when a parameter is unknown, repeated or malformed, and when
        the client's window is to be limited but the offer does not allow that.
        """
        try:
            return _agree(self, tuple(parameters))
        except NegotiationError:
            return None

    def confirm(self, parameters: Sequence[ExtensionParameter]) -> PerMessageDeflate:
        """Read a server's response to `offer`; every value of the result is set.

        Raises:
            NegotiationError: a parameter is unknown, repeated or malformed, or the
                server grants less than was demanded.
        """
        granted = _parse(parameters, _IN_RESPONSE)
        if self.server_no_context_takeover and _SERVER_NO_TAKEOVER not in granted:
            raise _refusal(f"the server did not grant {_SERVER_NO_TAKEOVER}", "7.1.1.1")
        server_bits = granted.get(_SERVER_BITS, LARGEST_WINDOW)
        if server_bits > (self.server_max_window_bits or LARGEST_WINDOW):
            raise _refusal(f"the server did not grant {_SERVER_BITS}", "7.1.2.1")
        own_bits = self.client_max_window_bits or LARGEST_WINDOW
        client_bits = granted.get(_CLIENT_BITS, own_bits)
        if client_bits > own_bits:
            raise _refusal(f"{_CLIENT_BITS} is larger than offered", "7.1.2.2")
        return _resolve(self, granted, server_bits, client_bits)

    def codec(self, role: Role) -> Codec:
        """The state of one connection; what is None counts as 15 bits."""
        return cast("Codec", DeflateCodec(self, role))


@lru_cache(maxsize=128)
def _agree(
    configured: PerMessageDeflate, parameters: tuple[ExtensionParameter, ...]
) -> Agreement | None:
    """The answer to an offer; remembered, as nearly all clients offer the same.

    What is remembered is small: `parameters` are of the few that RFC 7692 knows.

    Raises:
        NegotiationError: they are not.
    """
    offered = _parse(parameters, _IN_OFFER)
    client_bits = configured.client_max_window_bits or LARGEST_WINDOW
    # Section 7.1.2.2: without it in the offer, the response MUST NOT include it.
    if client_bits < LARGEST_WINDOW and _CLIENT_BITS not in offered:
        return None
    server_bits = configured.server_max_window_bits or LARGEST_WINDOW
    agreed = _resolve(
        configured,
        offered,
        min(server_bits, offered.get(_SERVER_BITS, LARGEST_WINDOW)),
        min(client_bits, offered.get(_CLIENT_BITS, LARGEST_WINDOW)),
    )
    # What is 15 goes without saying, but a server accepts a limit "by including" it
    # (section 7.1.2.1). The client's is below 15 only where it was offered.
    said = {_SERVER_BITS} & offered.keys()
    response = [
        (name, None if value is True else str(value))
        for name in _IN_RESPONSE
        if (value := getattr(agreed, name)) not in (False, LARGEST_WINDOW) or name in said
    ]
    return Agreement(agreed, tuple(response))


def _resolve(
    configured: PerMessageDeflate,
    negotiated: Mapping[str, int],
    server_bits: int,
    client_bits: int,
) -> PerMessageDeflate:
    """The configuration with every value of the negotiation set."""
    return replace(
        configured,
        server_no_context_takeover=configured.server_no_context_takeover
        or _SERVER_NO_TAKEOVER in negotiated,
        client_no_context_takeover=configured.client_no_context_takeover
        or _CLIENT_NO_TAKEOVER in negotiated,
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
    )


def _parse(
    parameters: Sequence[ExtensionParameter], allowed: Mapping[str, _Values]
) -> dict[str, int]:
    """What the parameters mean, by name (RFC 7692 section 7.1).

    Raises:
        NegotiationError: one is unknown, repeated, or has a value it may not have.
    """
    found: dict[str, int] = {}
    for name, value in parameters:
        if name in found or value not in allowed.get(name, {}):
            raise _refusal(f"parameter {name!r}, value {value!r}", "7.1")
        found[name] = allowed[name][value]
    return found


def _refusal(problem: str, section: str) -> NegotiationError:
    return NegotiationError(f"{_NAME}: {problem}", section=f"RFC 7692 section {section}")


_BACKEND_NAMES: Final = (
    "DEFLATED",
    "Z_DEFAULT_COMPRESSION",
    "Z_SYNC_FLUSH",
    "compressobj",
    "decompressobj",
    "error",
)


@lru_cache(maxsize=64)
def _check_backend(backend: ZlibModule, level: int | None) -> None:
    """See that the backend is one, and has the level: once, as trying costs memory."""
    for name in _BACKEND_NAMES:
        if not hasattr(backend, name):
            raise TypeError(f"zlib must be a zlib module: {backend!r} has no {name}")
    level = backend.Z_DEFAULT_COMPRESSION if level is None else level
    try:
        backend.compressobj(level, backend.DEFLATED, -9, 1)
    except ValueError as error:
        raise ValueError(f"the zlib module has no level {level}") from error
