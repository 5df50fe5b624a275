"""Basic authentication: a server that demands it, and a client that acts on the 401.

    python basic_auth.py

Passwords cross the wire as they are: use this over TLS (wss://) only.
"""

import socket
import threading

from wsproto_core import (
    AcceptConnection,
    ClientConnection,
    RejectConnection,
    Request,
    ServerConnection,
    build_basic_challenge,
    check_basic_authorization,
)

USERNAME, PASSWORD = "alice", "correct horse"


def answer(ws: ServerConnection, request: Request) -> None:
    if check_basic_authorization(request.headers.get("Authorization"), USERNAME, PASSWORD):
        ws.accept()
        ws.close(1000, "good bye")
    else:
        challenge = {"WWW-Authenticate": build_basic_challenge("the example")}
        ws.reject(401, challenge, b"Say who you are.\n")


def serve(listener: socket.socket, connections: int) -> None:
    for _ in range(connections):
        sock, _ = listener.accept()
        ws = ServerConnection()
        with sock:
            while not ws.finished:
                data = sock.recv(65536)
                for event in ws.receive_data(data) if data else ws.receive_eof():
                    if isinstance(event, Request):
                        answer(ws, event)
                sock.sendall(ws.data_to_send())


def connect(uri: str) -> AcceptConnection | RejectConnection | None:
    """Open a connection, let the server close it, and return its answer."""
    ws = ClientConnection(uri)
    with socket.create_connection((ws.uri.host, ws.uri.port), timeout=10) as sock:
        sock.sendall(ws.data_to_send())
        while not ws.finished:
            data = sock.recv(65536)
            for _ in ws.receive_data(data) if data else ws.receive_eof():
                pass
            sock.sendall(ws.data_to_send())
    return ws.response


def main() -> None:
    with socket.create_server(("localhost", 0)) as listener:
        threading.Thread(target=serve, args=(listener, 2), daemon=True).start()
        port = listener.getsockname()[1]
        for userinfo in ("", "alice:correct%20horse@"):
            response = connect(f"ws://{userinfo}localhost:{port}/")
            match response:
                case AcceptConnection():
                    print("accepted")
                case RejectConnection(status_code=status, headers=headers):
                    print(status, headers.get("WWW-Authenticate"))


if __name__ == "__main__":
    main()
