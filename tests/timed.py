"""Connections that know the time, and how to let it pass."""

from __future__ import annotations

import random
from typing import Any

from wire import (
    FIN,
    PING,
    PONG,
    frame_to,
    frames_out,
)

from wsproto_core import (
    Connection,
    Role,
)


def timed(role: Role = Role.SERVER, **options: Any) -> Connection:
    """A connection that is open since 100 s, with random bytes that are never the same."""
    source = random.Random(0).randbytes
    return Connection(role, **{"now": 100, "random_bytes": source, **options})


def answer(ws: Connection, payload: bytes) -> bytes:
    return frame_to(ws.role, FIN | PONG, payload)


def expire(ws: Connection) -> list[Any]:
    """Let the next deadline pass; what comes of it."""
    deadline = ws.next_deadline()
    assert deadline is not None
    return list(ws.handle_timeout(deadline))


def pinged(ws: Connection) -> bytes:
    """Let the time for the next keepalive ping come: its payload."""
    assert expire(ws) == []
    first, payload = frames_out(ws)[-1]
    assert first == FIN | PING
    return payload
