"""How to write an extension (RFC 6455 section 9).

An `Extension` is configuration: immutable, and good for any number of connections.
It negotiates by turning itself into the extension that was agreed, and from that
makes a `Codec` for each connection: the only part that has state. Neither knows
anything of connections.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, NamedTuple

from ..codes import Role
from ..frames import Frame
from ..types import ExtensionName, ExtensionParameter

__all__ = ["Agreement", "Codec", "Extension", "as_extensions", "shared_rsv_bits"]


class Agreement(NamedTuple):
    """A server's consent to one offer: what was agreed, and how the response says it."""

    extension: Extension
    parameters: tuple[ExtensionParameter, ...]


class Extension(ABC):
    """Base of every extension: a name, the RSV bits it claims, and how it negotiates.

    Subclasses must not keep anything that changes: one object may serve many
    connections at once. Make them frozen dataclasses, so that they compare by value.
    """

    name: ClassVar[ExtensionName]
    """The registered token, for example ``permessage-deflate``."""

    rsv: ClassVar[int] = 0
    """The reserved bits it uses on data frames: any of 0x40 (RSV1), 0x20 and 0x10."""

    @abstractmethod
    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        """What a client offers: one set of parameters for each alternative, best first."""

    @abstractmethod
    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        """Answer one offer as a server; None declines it, and the next one is tried."""

    @abstractmethod
    def confirm(self, parameters: Sequence[ExtensionParameter]) -> Extension:
        """Read a server's response as the client that made the offer.

        Returns what was agreed.

        Raises:
            NegotiationError: the response is not one that the offer allows.
        """

    @abstractmethod
    def codec(self, role: Role) -> Codec:
        """The state of one connection on which this extension was agreed as it stands."""


class Codec(ABC):
    """An agreed extension at work on one connection's data frames, both ways.

    Control frames never pass through. Of a message, every frame passes, in order.
    With several extensions, outgoing frames pass in the order of the response's
    header field and incoming frames in the opposite order (RFC 6455 section 9.1).
    """

    @abstractmethod
    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        """Undo on a whole received frame what the peer's `encode` did.

        Clear the RSV bits that this extension claims. Stop before the payload grows
        past `max_size` bytes (None: no limit).

        Raises:
            RemoteProtocolError: the frame is not valid; the connection fails with its
                ``close_code``.
        """

    @abstractmethod
    def encode(self, frame: Frame) -> Frame:
        """Transform a frame on its way out, setting the RSV bits that are claimed."""

    @property
    def sharing(self) -> Hashable:
        """What tells codecs of this class apart in how they encode whole messages.

        Those for which it is equal give the same frames, each after a `restart`; so one of
        them encodes what is broadcast to all. None: each does it for its own connection.
        """
        return None

    def restart(self) -> None:  # noqa: B027 # a codec without memory need not do anything
        """Forget the messages that went through `encode`: the peer has got one that did not.

        Called between messages, where `sharing` is not None.
        """


def as_extensions(extensions: Iterable[Extension]) -> tuple[Extension, ...]:
    """`extensions` as a tuple.

    Raises:
        TypeError: one of them is no extension.
        ValueError: one claims bits that are not RSV bits.
    """
    found = tuple(extensions)
    for extension in found:
        if not isinstance(extension, Extension):
            raise TypeError(f"an extension is wanted, not {extension!r:.60}")
        if extension.rsv & ~0x70:
            raise ValueError(f"{extension.name} claims bits that are not RSV bits")
    return found


def shared_rsv_bits(extensions: Iterable[Extension]) -> int:
    """The RSV bits that more than one of `extensions` claims; 0 when they fit together."""
    seen = shared = 0
    for extension in extensions:
        shared |= seen & extension.rsv
        seen |= extension.rsv
    return shared
