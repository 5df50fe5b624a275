"""An echo server on one thread: non-blocking sockets and a selector.

    python selectors_server.py [PORT]

A connection whose peer does not read gets no attention until it does: its socket is
watched for room to write only, so that nothing is read and nothing more is queued.
"""

import selectors
import socket
import sys

from wsproto_core import Message, Request, ServerConnection


class Peer:
    def __init__(self, selector, sock):
        self.selector = selector
        self.sock = sock
        self.ws = ServerConnection()
        self.unsent = b""
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, self)

    def ready(self):
        try:
            if not self.waiting():
                self.read()
            self.write()
        except BlockingIOError:
            pass
        except ConnectionError:
            for _ in self.ws.receive_reset():
                pass  # what had come before, and at most one CloseConnection
            self.unsent = b""
        if self.ws.finished and not self.waiting():
            self.selector.unregister(self.sock)
            self.sock.close()
        else:
            watched = selectors.EVENT_WRITE if self.waiting() else selectors.EVENT_READ
            self.selector.modify(self.sock, watched, self)

    def waiting(self):
        return len(self.unsent) + self.ws.pending_bytes

    def read(self):
        data = self.sock.recv(65536)
        for event in self.ws.receive_data(data) if data else self.ws.receive_eof():
            match event:
                case Request():
                    self.ws.accept()
                case Message():
                    self.ws.send(event)

    def write(self):
        while self.waiting():
            self.unsent = self.unsent or self.ws.data_to_send(65536)
            self.unsent = self.unsent[self.sock.send(self.unsent) :]


def main(port):
    selector = selectors.DefaultSelector()
    with socket.create_server(("localhost", port)) as listener:
        selector.register(listener, selectors.EVENT_READ)
        print(f"listening on ws://localhost:{listener.getsockname()[1]}/", flush=True)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    Peer(selector, listener.accept()[0])
                else:
                    key.data.ready()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 8765)
