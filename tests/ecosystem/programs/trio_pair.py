"""A client and a server of trio-websocket, in one process."""

from __future__ import annotations

from typing import Any

import trio
import trio_websocket
from apps import WHO, origin


async def serve(request: Any) -> None:
    if request.path == "/refuse":
        await request.reject(404, extra_headers=[(b"x-why", b"not here")], body=b"nothing")
        return
    ws = await request.accept(
        subprotocol=next(iter(request.proposed_subprotocols), None),
        extra_headers=[(b"x-served", b"yes")],
    )
    try:
        while True:
            message = await ws.get_message()
            if message == "close":
                await ws.aclose(4001, "enough")
            await ws.send_message(origin() if message == WHO else message)
    except trio_websocket.ConnectionClosed as error:
        print("server", error.reason)


async def main() -> None:
    async with trio.open_nursery() as nursery:
        listening = await nursery.start(trio_websocket.serve_websocket, serve, "127.0.0.1", 0, None)
        uri = f"ws://127.0.0.1:{listening.port}"
        async with trio_websocket.open_websocket_url(f"{uri}/a?b", subprotocols=["chat"]) as ws:
            print(ws.subprotocol, ws.handshake_headers, ws.path)
            await ws.send_message(WHO)
            print(WHO, await ws.get_message())
            for message in ("", "h\u00e9llo", "x" * 100_000, b"", bytes(range(256)) * 300):
                await ws.send_message(message)
                print(await ws.get_message() == message)
            await ws.ping(b"there?")
            await ws.pong(b"unasked")
        print("client", ws.closed)
        async with trio_websocket.open_websocket_url(uri) as ws:
            await ws.send_message("close")
            try:
                await ws.get_message()
            except trio_websocket.ConnectionClosed as error:
                print("client", error.reason)
        try:
            async with trio_websocket.open_websocket_url(f"{uri}/refuse"):
                pass
        except trio_websocket.ConnectionRejected as error:
            headers = [value for name, value in error.headers if name == b"x-why"]
            print(error.status_code, headers, error.body)
        nursery.cancel_scope.cancel()


trio.run(main)
