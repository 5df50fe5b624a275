"""simple-websocket as a server under Werkzeug, and its clients, in one process."""

from __future__ import annotations

import queue
import threading
from typing import Any

import flask
import simple_websocket
import werkzeug.serving
from apps import WHO, origin

app = flask.Flask(__name__)
ends: queue.Queue[str] = queue.Queue()
"""How connections ended, as the server has it."""


@app.route("/echo", websocket=True)
def echo() -> Any:
    ws = simple_websocket.Server.accept(
        flask.request.environ, subprotocols=["chat"], max_message_size=500_000, ping_interval=5
    )
    try:
        while True:
            message = ws.receive(3)
            if message == "close":
                ws.close(4001, "enough")
            ws.send(origin() if message == WHO else message)
    except simple_websocket.ConnectionClosed as error:
        ends.put(f"server {int(error.reason)} {error.message}")
    return ""


def closed(ws: Any) -> None:
    try:
        print("client", ws.receive(30))
    except simple_websocket.ConnectionClosed as error:
        print("client", int(error.reason), error.message)


server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
thread = threading.Thread(target=server.serve_forever, daemon=True)
thread.start()
uri = f"ws://127.0.0.1:{server.server_port}/echo"

ws = simple_websocket.Client.connect(uri, subprotocols=["other", "chat"])
print(ws.subprotocol)
ws.send(WHO)
print(WHO, ws.receive(30))
for message in ("h\u00e9llo", "x" * 100_000, b"\0", bytes(range(256)) * 300):
    ws.send(message)
    print(ws.receive(30) == message)
ws.close(3000, "bye")

ws = simple_websocket.Client.connect(uri)
print(ws.subprotocol)
ws.send("close")
closed(ws)

ws = simple_websocket.Client.connect(uri)
ws.send("x" * 600_000)
closed(ws)
try:
    simple_websocket.Client.connect(uri.replace("/echo", "/nothing"))
except simple_websocket.ConnectionError as error:
    print(error)
for _ in range(3):
    print(ends.get(timeout=30))
server.shutdown()
thread.join(10)
