"""A WebSocket inside a WSGI application.

    python wsgi_app.py [PORT]

WSGI (PEP 3333) knows no WebSockets, but some servers hand out the socket: Werkzeug's, which
is run here, as ``werkzeug.socket``, Gunicorn's workers sync and gthread as ``gunicorn.socket``.
Each connection takes a thread or a process of the server as long as it lives.
"""

import socket
import sys
from contextlib import suppress
from urllib.parse import quote

from werkzeug.serving import make_server

from wsproto_core import Message, Request, ServerConnection


def connection_of(environ, **options):
    """The connection for the request of a WSGI environ."""
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-"), value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
    ]
    return ServerConnection.from_request(
        headers, target_of(environ), method=environ["REQUEST_METHOD"], **options
    )


def target_of(environ):
    """The request target: as it was sent, where the server tells, or made of its parts."""
    target = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if target:
        return target
    # PEP 3333 has bytes as latin-1 text, and the path without its percent-encoding.
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    target = quote(path.encode("latin-1"), safe="/:@!$&'()*+,;=~") or "/"
    query = environ.get("QUERY_STRING")
    return f"{target}?{query}" if query else target


def serve_websocket(ws, sock):
    events = ws.events()  # the first one is there already
    while True:
        for event in events:
            match event:
                case Request():
                    ws.accept()
                case Message():
                    ws.send(event)
        sock.sendall(ws.data_to_send())
        if ws.finished:
            return
        data = sock.recv(65536)
        events = ws.receive_data(data) if data else ws.receive_eof()


def application(environ, start_response):
    sock = environ.get("werkzeug.socket") or environ.get("gunicorn.socket")
    if sock is None or environ["PATH_INFO"] != "/ws" or environ["SERVER_PROTOCOL"] != "HTTP/1.1":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"The WebSocket is at /ws.\n"]
    try:
        serve_websocket(connection_of(environ), sock)
    finally:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)  # no other request follows
    # The server must not send a response of its own: each has its way to be told so.
    raise StopIteration if "gunicorn.socket" in environ else ConnectionAbortedError


def main(port):
    server = make_server("localhost", port, application, threaded=True)
    print(f"listening on ws://localhost:{server.server_port}/ws", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 8765)
