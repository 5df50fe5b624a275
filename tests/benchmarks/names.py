"""What the engines are called, and what else ours is compared with."""

from __future__ import annotations

__all__ = [
    "AIOHTTP",
    "FLOOR",
    "MEMCPY",
    "NO_PROTOCOL",
    "OURS",
    "WEBSOCKETS",
    "WEBSOCKETS_SERVER",
    "WSPROTO",
]

OURS = "wsproto_core"
WSPROTO = "wsproto"
WEBSOCKETS = "websockets"
AIOHTTP = "aiohttp"

FLOOR = "floor"
"""The least that pure Python can do, next to nothing checked; measured in pure mode."""

MEMCPY = "memcpy"
"""Bytes copied as they are."""

NO_PROTOCOL = "no protocol"
"""A server that sends back what it gets."""

WEBSOCKETS_SERVER = "websockets.asyncio"
"""The server that comes with websockets, where `WEBSOCKETS` is its sans-I/O layer alone."""
