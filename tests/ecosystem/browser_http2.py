"""Chromium opens WebSockets over HTTP/2 (RFC 8441) to the example of the documentation."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import trustme
from clients import BROWSING, chromium
from h2.events import DataReceived, RequestReceived, StreamEnded

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))
from h2_server import Server

PAGE = b"""<!doctype html><title>HTTP/2</title><script>
const large = new Uint8Array(1 << 20).map((_, at) => at % 251);
const messages = ["", "hello", "\\u00e9\\u20ac\\ud83d\\ude00", "x".repeat(70000), large];
const same = (one, other) => typeof one === "string" ? one === other
  : one.length === other.byteLength && new Uint8Array(other).every((each, at) => each === one[at]);
const talk = (path) => new Promise((resolve) => {
  const seen = [], ws = new WebSocket("wss://" + location.host + path);
  let sent = 0;
  const next = () => sent < messages.length ? ws.send(messages[sent]) : ws.close(4000, "enough");
  ws.binaryType = "arraybuffer";
  ws.onopen = () => { seen.push(["open", ws.extensions]); next(); };
  ws.onmessage = (event) => { seen.push(same(messages[sent++], event.data)); next(); };
  ws.onclose = (event) => {
    seen.push(["close", event.code, event.reason, event.wasClean]);
    resolve(seen);
  };
});
(async () => {
  // All at once, on the connection that the page came by, and a request among them.
  const paths = ["/ws?1", "/ws?2", "/ws?3", "/nowhere"];
  const seen = await Promise.all([...paths.map(talk), fetch("/ws").then((it) => it.status)]);
  await fetch("/seen", {method: "POST", body: JSON.stringify(seen)});
})();
</script>"""

TALKED = [["open", "permessage-deflate"], *[True] * 5, ["close", 4000, "enough", True]]
REFUSED = [["close", 1006, "", False]]


class Observed(Server):
    """The server of the example with a page of ours, and what it is asked for."""

    requests: list[tuple[int, dict[str, str]]]
    seen: asyncio.Future[Any]

    def __init__(self) -> None:
        super().__init__()
        self.posted: dict[int, bytes] = {}

    def on_other(self, event: Any) -> None:
        if isinstance(event, RequestReceived):
            fields = {name.decode(): value.decode() for name, value in event.headers}
            self.requests.append((id(self), fields))
            if fields[":method"] == "POST":
                self.posted[event.stream_id] = b""
                return
        elif getattr(event, "stream_id", None) in self.posted:
            if isinstance(event, DataReceived):
                self.posted[event.stream_id] += event.data
            elif isinstance(event, StreamEnded):
                self.seen.set_result(json.loads(self.posted.pop(event.stream_id)))
        super().on_other(event)

    def respond(self, stream_id: int, request: dict[bytes, bytes]) -> None:
        if request[b":path"] == b"/":
            fields = [(":status", "200"), ("content-type", "text/html")]
            self.h2.send_headers(stream_id, fields)
            self.h2.send_data(stream_id, PAGE, end_stream=True)
        else:
            super().respond(stream_id, request)


def browse_http2() -> Iterator[str]:
    """What the page saw, and by what kind of requests its WebSockets came."""
    seen, requests = asyncio.run(_browse())
    assert seen == [TALKED, TALKED, TALKED, REFUSED, 404], seen
    asked = [(who, fields) for who, fields in requests if ":protocol" in fields]
    (page,) = [who for who, fields in requests if fields[":path"] == "/"]
    assert sorted(fields[":path"] for _, fields in asked) == [
        "/nowhere",
        "/ws?1",
        "/ws?2",
        "/ws?3",
    ], asked
    for who, fields in asked:
        assert who == page, "a WebSocket has a connection of its own"
        assert (fields[":method"], fields[":protocol"]) == ("CONNECT", "websocket")
        assert fields["origin"] == f"https://{fields[':authority']}"
    yield f"the example for HTTP/2, Chromium: {len(asked)} WebSockets by extended CONNECT"


async def _browse() -> tuple[Any, list[tuple[int, dict[str, str]]]]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    tls.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    Observed.requests = []
    Observed.seen = loop.create_future()
    server = await loop.create_server(Observed, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    with chromium("--ignore-certificate-errors", f"https://localhost:{port}/") as process:
        until = loop.time() + BROWSING
        while not (await asyncio.wait([Observed.seen], timeout=0.5))[0]:
            assert process.poll() is None, "Chromium ended"
            assert loop.time() < until, "the page has nothing to tell"
    server.close()
    return Observed.seen.result(), Observed.requests
