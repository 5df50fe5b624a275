"""A connection that is open already, and what every connection shows its user.

Says how one is made, and what it can be asked. All that happens on it is told in the
endpoint's module.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from .codes import Role
from .config import Limits, Timeouts
from .endpoint import Endpoint
from .events import AcceptConnection, RejectConnection, Request
from .exceptions import LocalProtocolError, RemoteProtocolError
from .extensions.base import Extension, as_extensions, shared_rsv_bits
from .state import ConnectionState
from .types import Delivery, HeaderBlock, Liveness, RandomBytes, Subprotocol

__all__ = ["Connection"]

DEFAULT_LIMITS: Final = Limits()
DEFAULT_TIMEOUTS: Final = Timeouts()


class Connection(Endpoint):
    """One side of a WebSocket connection.

    Made directly, the connection is open already: the opening handshake took place
    elsewhere. `ClientConnection` and `ServerConnection` begin with the handshake.

    What the receiving methods give iterates over the events that are due. A frame takes
    effect when its event is taken, so whatever you send in answer to one event leaves
    ahead of what the next frame brings about.

    Args:
        role: which side this is.
        extensions: those that were agreed, in the order of the response's header field.
        subprotocol: the one that was agreed.
        limits: bounds on what the peer can make grow.
        delivery: "message" gives whole messages; "chunk" gives their pieces as they
            arrive and keeps none of them.
        auto_pong: answer each ping.
        auto_close: answer the peer's Close.
        random_bytes: where masking keys come from; must be unpredictable outside tests
            (RFC 6455 section 10.3).
        timeouts: how long it waits, once it has been told the time.
        liveness: with "pong", a keepalive ping goes out `Timeouts.ping` seconds after the
            last one was answered, and only its pong shows that the peer is there. With
            "any_data" it goes out after as long without any data from the peer, and
            whatever comes will do.
        now: the time, see `next_deadline`.

    Raises:
        LocalProtocolError: two extensions claim the same RSV bit.
        TypeError, ValueError: an argument has the wrong type or value.
    """

    __slots__ = ("__weakref__", "_header_block")

    role: Role
    """Which side this is."""
    state: ConnectionState
    """Where the connection is in its life. To read only, like all attributes here."""
    request: Request | None
    """The opening request: the one received, or the one sent."""
    response: AcceptConnection | RejectConnection | None
    """Its answer: the one received, or the one sent."""
    subprotocol: Subprotocol | None
    """The subprotocol agreed on."""
    extensions: tuple[Extension, ...]
    """The extensions agreed on, as agreed."""
    close_code: int | None
    """The code with which the connection ended or is ending; None until then."""
    close_reason: str | None
    """The reason that came with it."""
    error: RemoteProtocolError | None
    """What the peer did wrong, if that is why the connection ended."""
    _header_block: HeaderBlock | None

    def __init__(
        self,
        role: Role,
        *,
        extensions: Sequence[Extension] = (),
        subprotocol: str | None = None,
        limits: Limits = DEFAULT_LIMITS,
        delivery: Delivery = "message",
        auto_pong: bool = True,
        auto_close: bool = True,
        random_bytes: RandomBytes = secrets.token_bytes,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        liveness: Liveness = "pong",
        now: float | None = None,
    ) -> None:
        agreed = as_extensions(extensions)
        if shared_rsv_bits(agreed):
            raise LocalProtocolError(
                "two extensions claim the same RSV bit: only one of them can be in use"
            )
        self._configure(
            Role(role),
            limits,
            delivery,
            auto_pong,
            auto_close,
            random_bytes,
            timeouts,
            liveness,
            now,
        )
        self.subprotocol = None if subprotocol is None else Subprotocol(subprotocol)
        self._open(agreed, 0)
        self._enter(ConnectionState.OPEN)

    def headers_to_send(self) -> HeaderBlock | None:
        """Take out the request or response of a stream of HTTP/2 or HTTP/3.

        Gives a list of (name, value) pairs, pseudo-headers first, for the HEADERS frame
        that goes ahead of what `data_to_send` gives; None where none is due. It is never
        due more than once, and on HTTP/1.1 not at all.
        """
        if not self._on_stream or self._reset:
            return None
        block, self._header_block = self._header_block, None
        return block

    def _be_on_stream(self) -> None:
        self._on_stream = True
        self._header_block = None

    def _queue_head(self, head: bytes | HeaderBlock) -> None:
        """Queue a request or response as its carrier wrote it."""
        if isinstance(head, bytes):
            self._output.append(head)
        else:
            self._header_block = head
