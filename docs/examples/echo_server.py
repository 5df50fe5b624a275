import socket
import threading
from contextlib import suppress

from wsproto_core import Message, Request, ServerConnection


def serve(sock):
    ws = ServerConnection()
    with sock, suppress(ConnectionError):
        while not ws.finished:
            data = sock.recv(65536)
            for event in ws.receive_data(data) if data else ws.receive_eof():
                match event:
                    case Request():
                        ws.accept()
                    case Message():
                        ws.send(event)
            sock.sendall(ws.data_to_send())


with socket.create_server(("localhost", 8765)) as listener:
    while True:
        threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
