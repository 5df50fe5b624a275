"""The engines side by side: what each can do, by its name.

Each does what its documentation tells its users to do, with every check on. Where there
are two ways, it takes the faster one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import running
from names import AIOHTTP, OURS, WEBSOCKETS, WSPROTO

from wsproto_core import Role

from . import ours, peer_aiohttp, peer_websockets, peer_wsproto

__all__ = [
    "BROADCASTERS",
    "ECHOERS",
    "EVENT_SENDERS",
    "KEPT_FOR_THE_CALLER",
    "MASKERS",
    "OPENERS",
    "RECEIVERS",
    "SENDERS",
    "VERSIONS",
    "Broadcaster",
    "BroadcasterMaker",
    "Echoer",
    "Opener",
    "Receiver",
    "Sender",
    "SenderMaker",
]


Receiver: TypeAlias = Callable[[Sequence[bytes]], tuple[int, str]]
"""Takes the pieces of a stream; gives how many messages were in it, and the last one."""

Sender: TypeAlias = Callable[[Sequence[str]], bytes]
"""Sends text messages, and gives the bytes for the wire."""

Broadcaster: TypeAlias = Callable[[str, Callable[[bytes], object]], None]
"""Sends a text message on many connections, and hands what each has to send to the function
that is given."""

Opener: TypeAlias = Callable[[bytes], tuple[Any, bytes]]
"""Accepts a request; gives the open connection and the response."""

Echoer: TypeAlias = Callable[[bytes], bytes]
"""Takes what one connection received, from the request on, and gives what to send."""

SenderMaker: TypeAlias = Callable[[Role, bool], Sender]
"""By role, and whether permessage-deflate was agreed on."""

BroadcasterMaker: TypeAlias = Callable[[int, bool], Broadcaster]
"""By the number of connections, and whether permessage-deflate was agreed on."""

VERSIONS = {
    OURS: running.VERSION,
    WSPROTO: peer_wsproto.VERSION,
    WEBSOCKETS: peer_websockets.VERSION,
    AIOHTTP: peer_aiohttp.VERSION,
}
"""What runs: the release, and which of its parts are in C."""

RECEIVERS: Mapping[str, Callable[[Role, bool], Receiver]] = {
    OURS: ours.receiver,
    WSPROTO: peer_wsproto.receiver,
    WEBSOCKETS: peer_websockets.receiver,
    AIOHTTP: peer_aiohttp.receiver,
}
"""By role, and whether permessage-deflate was agreed on."""

SENDERS: Mapping[str, SenderMaker] = {
    OURS: ours.sender,
    WSPROTO: peer_wsproto.sender,
    WEBSOCKETS: peer_websockets.sender,
    AIOHTTP: peer_aiohttp.sender,
}

EVENT_SENDERS: Mapping[str, SenderMaker] = {**SENDERS, OURS: ours.event_sender}
"""The same, but ours is given an event object for each message, as wsproto always is."""

BROADCASTERS: Mapping[str, BroadcasterMaker] = {
    OURS: ours.broadcaster,
    WSPROTO: peer_wsproto.broadcaster,
    WEBSOCKETS: peer_websockets.broadcaster,
}
"""The peers send to each connection in turn."""

MASKERS: Mapping[str, Callable[[bytes, bytes], bytes | bytearray]] = {
    OURS: ours.mask,
    WSPROTO: peer_wsproto.mask,
    WEBSOCKETS: peer_websockets.mask,
    AIOHTTP: peer_aiohttp.mask,
}
"""Masks a payload with a key, into a new object."""

OPENERS: Mapping[str, Callable[[bool], Opener]] = {
    OURS: ours.opener,
    WSPROTO: peer_wsproto.opener,
    WEBSOCKETS: peer_websockets.opener,
}
"""By whether permessage-deflate may be agreed on. aiohttp has no engine without a server."""


def _nothing(connection: object) -> None:
    """The peers hand their users the request, and keep it only for themselves."""


KEPT_FOR_THE_CALLER: Mapping[str, Callable[[Any], object]] = {
    OURS: ours.kept_for_the_caller,
    WSPROTO: _nothing,
    WEBSOCKETS: _nothing,
}
"""What an open connection keeps that its user may ask for, and it does not need."""

ECHOERS: Mapping[str, Callable[[], Echoer]] = {
    OURS: ours.echoer,
    WSPROTO: peer_wsproto.echoer,
    WEBSOCKETS: peer_websockets.echoer,
}
"""A server's side of one connection that sends back every text message."""
