"""What the servers serve: an echo over WebSockets, a page that uses it, and what both saw."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import wsproto

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

WHO = "who"
"""Asks where the server's wsproto comes from."""


def origin() -> str:
    assert wsproto.__spec__ is not None
    return "ours" if wsproto.__spec__.origin == "wsproto_core.compat" else "wsproto"


PAGE = b"""<!doctype html><title>echo</title><script>
const seen = [], sent = ["", "hello", "\\u00e9\\u20ac\\ud83d\\ude00", "x".repeat(70000), null];
const ws = new WebSocket("ws://" + location.host + "/echo", ["chat", "other"]);
ws.binaryType = "arraybuffer";
ws.onopen = () => { seen.push(["open", ws.protocol, ws.extensions.split(";")[0]]); next(); };
ws.onmessage = (event) => {
  const data = event.data;
  seen.push(typeof data === "string"
    ? [data.length, data.slice(0, 9)] : [...new Uint8Array(data)].slice(0, 9));
  next();
};
ws.onclose = (event) => {
  seen.push(["close", event.code, event.reason, event.wasClean]);
  fetch("/seen", {method: "POST", body: JSON.stringify(seen)});
};
function next() {
  const data = sent.shift();
  if (data === undefined) ws.send("close 4001 enough");
  else ws.send(data === null ? new Uint8Array([0, 1, 254, 255]) : data);
}
</script>"""

seen: list[Any] = []
"""What the server saw end, and what the page saw."""


async def asgi(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http":
        await _serve_http(scope, receive, send)
    else:
        assert (await receive())["type"] == "websocket.connect"
        await _SOCKETS[scope["path"]](scope, receive, send)


async def _serve_http(scope: Message, receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["method"] == "POST":
        seen.append(json.loads(body))
    page = PAGE if scope["path"] == "/" else json.dumps(seen).encode()
    kind = b"text/html; charset=utf-8" if scope["path"] == "/" else b"application/json"
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(page))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": page})


async def _echo(scope: Message, receive: Receive, send: Send) -> None:
    subprotocol = next(iter(scope["subprotocols"]), None)
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text == WHO:
            await send({"type": "websocket.send", "text": origin()})
        elif text is not None and text.startswith("close "):
            _, code, reason = text.split(" ", 2)
            await send({"type": "websocket.close", "code": int(code), "reason": reason})
            return
        elif text is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
    seen.append(message.get("code"))


async def _refuse(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close"})


async def _deny(scope: Message, receive: Receive, send: Send) -> None:
    start = {"status": 418, "headers": [(b"x-tea", b"pot"), (b"content-length", b"5")]}
    await send({"type": "websocket.http.response.start", **start})
    await send({"type": "websocket.http.response.body", "body": b"short"})


async def _fall_over(scope: Message, receive: Receive, send: Send) -> None:
    raise RuntimeError("on purpose")


_SOCKETS = {"/echo": _echo, "/refuse": _refuse, "/deny": _deny, "/fall-over": _fall_over}
