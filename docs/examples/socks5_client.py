"""Through a SOCKS5 proxy (RFC 1928): send one message to an echo server, print the answer.

python socks5_client.py HOST:PORT[:USER:PASSWORD] [URI]

What the proxy is told and says is up to the package socksio, which does no I/O either. It
wants each reply whole, and nothing behind it: how long one is, its first bytes tell.
"""

import socket
import sys

from socksio import ProtocolError, socks5

from wsproto_core import (
    AcceptConnection,
    ClientConnection,
    CloseConnection,
    HandshakeFailed,
    TextMessage,
)


def read_exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("the proxy has hung up")
        data += piece
    return data


def read_command_reply(sock):
    start = read_exactly(sock, 5)
    match start[3:4]:
        case socks5.SOCKS5AType.IPV4_ADDRESS:
            size = 4
        case socks5.SOCKS5AType.IPV6_ADDRESS:
            size = 16
        case _:
            size = 1 + start[4]  # a name, behind its length
    return start + read_exactly(sock, size - 1 + 2)  # the rest of the address, and a port


def open_tunnel(sock, host, port, username=None, password=""):
    """Make the proxy at the other end of `sock` connect to `host`, by its name."""
    conn = socks5.SOCKS5Connection()
    methods = [socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED]
    if username is not None:
        methods.append(socks5.SOCKS5AuthMethod.USERNAME_PASSWORD)
    conn.send(socks5.SOCKS5AuthMethodsRequest(methods))
    sock.sendall(conn.data_to_send())
    method = conn.receive_data(read_exactly(sock, 2)).method
    if method not in methods:
        raise ConnectionError("the proxy takes none of the ways to authenticate")
    if method == socks5.SOCKS5AuthMethod.USERNAME_PASSWORD:
        conn.send(socks5.SOCKS5UsernamePasswordRequest(username.encode(), password.encode()))
        sock.sendall(conn.data_to_send())
        if not conn.receive_data(read_exactly(sock, 2)).success:
            raise ConnectionError("the proxy refuses the user name or the password")
    command = socks5.SOCKS5Command.CONNECT
    conn.send(socks5.SOCKS5CommandRequest.from_address(command, (host, port)))
    sock.sendall(conn.data_to_send())
    reply = conn.receive_data(read_command_reply(sock))
    if reply.reply_code != socks5.SOCKS5ReplyCode.SUCCEEDED:
        raise ConnectionError(f"the proxy says {reply.reply_code.name}")


def echo(proxy, uri, text):
    proxy_host, proxy_port, *credentials = proxy.split(":", 3)
    ws = ClientConnection(uri)
    answer = None
    with socket.create_connection((proxy_host, int(proxy_port)), timeout=10) as sock:
        open_tunnel(sock, ws.uri.host, ws.uri.port, *credentials)
        # For wss:// wrap the socket here, as in proxy_client.py.
        sock.sendall(ws.data_to_send())
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
                    case HandshakeFailed(error=error):
                        raise error
            sock.sendall(ws.data_to_send())
    return answer


if __name__ == "__main__":
    uri = sys.argv[2] if sys.argv[2:] else "ws://localhost:8765/"
    try:
        print("received:", echo(sys.argv[1], uri, "hello"))
    except (OSError, ProtocolError) as error:
        sys.exit(f"no connection: {error}")
