"""A WebSocket inside another HTTP server: the request is parsed before we see it.

    python from_request.py [PORT]

The standard library's http.server stands for any framework that hands on a method, a
target and a list of header fields. Its reader may hold bytes that came right behind
the request; they are the first that `receive_data` gets.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wsproto_core import HandshakeFailed, Message, Request, ServerConnection


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ws" and self.request_version == "HTTP/1.1":
            self.close_connection = True  # when we are done, no other request follows
            self.serve_websocket()
        else:
            page = b"The WebSocket is at /ws.\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

    def serve_websocket(self):
        ws = ServerConnection.from_request(self.headers.items(), self.path, method=self.command)
        events = ws.events()  # the first one is there already
        while True:
            for event in events:
                match event:
                    case Request():
                        ws.accept()
                    case Message():
                        ws.send(event)
                    case HandshakeFailed(error=error):
                        self.log_error("handshake failed: %s", error)
            self.wfile.write(ws.data_to_send())
            if ws.finished:
                break
            data = self.rfile.read1(65536)
            events = ws.receive_data(data) if data else ws.receive_eof()


def main(port):
    with ThreadingHTTPServer(("localhost", port), Handler) as server:
        print(f"listening on ws://localhost:{server.server_port}/ws", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 8765)
