"""Send one message to an echo server, print the answer, and close.

python echo_client.py [URI]
"""

import socket
import sys

from wsproto_core import (
    AcceptConnection,
    ClientConnection,
    CloseConnection,
    HandshakeFailed,
    RejectConnection,
    TextMessage,
)


def echo(uri: str, text: str) -> str | None:
    ws = ClientConnection(uri)
    answer: str | None = None
    with socket.create_connection((ws.uri.host, ws.uri.port), timeout=10) as sock:
        sock.sendall(ws.data_to_send())  # the request
        while not ws.finished:
            data = sock.recv(65536)
            for event in ws.receive_data(data) if data else ws.receive_eof():
                match event:
                    case AcceptConnection():
                        ws.send_text(text)
                    case TextMessage(data=answer):
                        ws.close()
                    case CloseConnection(code=code, reason=reason):
                        print("closed:", code, reason)
                    case RejectConnection(status_code=status):
                        print("rejected:", status)
                    case HandshakeFailed(error=error):
                        raise error
            sock.sendall(ws.data_to_send())
    return answer


if __name__ == "__main__":
    uri = sys.argv[1] if sys.argv[1:] else "ws://localhost:8765/"
    print("received:", echo(uri, "hello"))
