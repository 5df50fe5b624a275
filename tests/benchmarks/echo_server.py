"""One echo server on asyncio, to be measured: `python echo_server.py NAME`.

Prints the port it listens on. Then it answers each line on stdin with the time that this
process has spent on a CPU, in nanoseconds, and ends where stdin ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial

import engines
import steady
from aiohttp import web
from names import AIOHTTP, NO_PROTOCOL, WEBSOCKETS_SERVER
from websockets.asyncio.server import ServerConnection, serve

HOST = "127.0.0.1"

Echo = Callable[[bytes], bytes]
"""Takes what came on a connection, gives what to send."""


class EchoProtocol(asyncio.Protocol):
    """What connects an engine to asyncio, and nothing besides."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        output = self._echo(data)
        if output:
            self._transport.write(output)


def without_protocol() -> Echo:
    """Bytes come and go as they are: what every server takes, whatever its engine does."""
    return lambda data: data


async def listen(make_echo: Callable[[], Echo]) -> int:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: EchoProtocol(make_echo()), HOST, 0)
    port: int = server.sockets[0].getsockname()[1]
    return port


async def listen_with_websockets() -> int:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    server = await serve(echo, HOST, 0, compression=None, ping_interval=None)
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


async def listen_with_aiohttp() -> int:
    async def echo(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(compress=False)
        await connection.prepare(request)
        async for message in connection:
            await connection.send_str(message.data)
        return connection

    application = web.Application()
    application.router.add_get("/chat", echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    port: int = runner.addresses[0][1]
    return port


SERVERS: dict[str, Callable[[], Coroutine[None, None, int]]] = {
    NO_PROTOCOL: partial(listen, without_protocol),
    **{name: partial(listen, make_echo) for name, make_echo in engines.ECHOERS.items()},
    WEBSOCKETS_SERVER: listen_with_websockets,
    AIOHTTP: listen_with_aiohttp,
}


async def serve_until_eof(name: str) -> None:
    print(await SERVERS[name](), flush=True)
    done = asyncio.Event()

    def answer() -> None:
        asked = os.read(0, 1)
        if asked == b"\n":
            print(time.process_time_ns(), flush=True)
        elif not asked:
            done.set()

    asyncio.get_running_loop().add_reader(0, answer)
    await done.wait()
    os._exit(0)  # nothing is to be tidied up, and no connection closed


if __name__ == "__main__":
    steady.keep_memory()
    asyncio.run(serve_until_eof(sys.argv[1]))
