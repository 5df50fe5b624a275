"""Clients of httpx-ws, with and without asyncio, that talk to the server at PORT."""

from __future__ import annotations

import asyncio
import sys

import httpx
import httpx_ws
from apps import WHO, asgi, origin
from httpx_ws.transport import ASGIWebSocketTransport

BINARY = bytes(range(256)) * 300


def talk(uri: str) -> None:
    with httpx_ws.connect_ws(f"{uri}/echo", subprotocols=["chat"]) as ws:
        print(ws.subprotocol)
        for message in ("h\u00e9llo", "x" * 100_000):
            ws.send_text(message)
            print(ws.receive_text(30) == message)
        ws.send_bytes(BINARY)
        print(ws.receive_bytes(30) == BINARY)
        ws.send_json({"a": [1, 2]})
        print(ws.receive_json(30))
        print(ws.ping(b"there?").wait(30))
    with httpx_ws.connect_ws(f"{uri}/echo") as ws:
        ws.send_text("close 4001 enough")
        try:
            ws.receive(30)
        except httpx_ws.WebSocketDisconnect as error:
            print(error.code, error.reason)
    try:
        with httpx_ws.connect_ws(f"{uri}/deny"):
            pass
    except httpx_ws.WebSocketUpgradeError as error:
        print(error.response.status_code)


async def atalk(uri: str) -> None:
    async with httpx.AsyncClient() as client:
        async with httpx_ws.aconnect_ws(f"{uri}/echo", client) as ws:
            await ws.send_text(WHO)
            print(await ws.receive_text(30) == origin())
            await ws.send_bytes(BINARY)
            print(await ws.receive_bytes(30) == BINARY)
            await ws.close(3000, "bye")
        async with httpx_ws.aconnect_ws(f"{uri}/echo", client) as ws:
            await ws.send_text("close 4001 enough")
            try:
                await ws.receive(30)
            except httpx_ws.WebSocketDisconnect as error:
                print(error.code, error.reason)


async def talk_to_app() -> None:
    """Without a server: the transport of httpx-ws is one, with wsproto on both ends."""
    async with (
        httpx.AsyncClient(transport=ASGIWebSocketTransport(asgi)) as client,
        httpx_ws.aconnect_ws("http://app/echo", client, subprotocols=["chat"]) as ws,
    ):
        print(ws.subprotocol)
        await ws.send_text("h\u00e9llo")
        print(await ws.receive_text(30))
        await ws.send_bytes(BINARY)
        print(await ws.receive_bytes(30) == BINARY)


talk(f"http://127.0.0.1:{sys.argv[1]}")
asyncio.run(atalk(f"http://127.0.0.1:{sys.argv[1]}"))
asyncio.run(talk_to_app())
print(WHO, origin())
