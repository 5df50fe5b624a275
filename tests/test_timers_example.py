"""The asyncio example keeps its peers to their time, on an event loop that does not wait."""

from __future__ import annotations

import asyncio
import runpy
import selectors
from collections.abc import Iterator
from typing import Any

import pytest
from scripts import EXAMPLES

from wsproto_core import AcceptConnection, ClientConnection, CloseConnection, Event, Ping


class TimeWarp(selectors.SelectSelector):
    """Nothing is waited for: instead it is later at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "the event loop would wait for ever"
        self.now += max(timeout, 0)
        return super().select(0)


class Transport(asyncio.Transport):
    """Keeps what is written to it, and when it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed: float | None = None

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed is not None

    def close(self) -> None:
        if self.closed is None:
            self.closed = asyncio.get_running_loop().time()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that jumps from timer to timer."""
    clock = TimeWarp()
    loop = asyncio.SelectorEventLoop(clock)
    monkeypatch.setattr(loop, "time", lambda: clock.now)
    yield loop
    loop.close()


def test_the_asyncio_server_sends_those_away_who_say_nothing(
    loop: asyncio.AbstractEventLoop,
) -> None:
    make_protocol = runpy.run_path(str(EXAMPLES / "asyncio_server.py"))["EchoProtocol"]

    async def serve() -> Transport:
        transport = Transport()
        make_protocol().connection_made(transport)
        await asyncio.sleep(60)
        return transport

    transport = loop.run_until_complete(serve())
    assert transport.written.startswith(b"HTTP/1.1 408 ")
    assert transport.closed == pytest.approx(10)


@pytest.mark.parametrize("answers", [0, 3])
def test_the_asyncio_server_looks_after_those_who_are_silent(
    loop: asyncio.AbstractEventLoop, answers: int
) -> None:
    make_protocol = runpy.run_path(str(EXAMPLES / "asyncio_server.py"))["EchoProtocol"]
    client = ClientConnection("ws://localhost/")

    async def serve() -> tuple[Transport, list[Event]]:
        transport = Transport()
        protocol = make_protocol()
        protocol.connection_made(transport)
        heard: list[Event] = []
        pings = 0
        for _ in range(400):
            if pings <= answers and (data := client.data_to_send()):
                protocol.data_received(data)
            data, transport.written = transport.written, b""
            events = list(client.receive_data(data))
            pings += len([event for event in events if isinstance(event, Ping)])
            heard += events
            await asyncio.sleep(1)
        return transport, heard

    transport, heard = loop.run_until_complete(serve())
    assert [type(event) for event in heard] == [
        AcceptConnection,
        *[Ping] * (answers + 1),
        CloseConnection,
    ]
    # A ping comes 20 s after the answer to the last one, and that within a second or two.
    assert transport.closed == pytest.approx(40 + 21 * answers, abs=1 + answers)
