"""Through an HTTP proxy: send one message to an echo server, print the answer, and close.

python proxy_client.py PROXY [URI]

The proxy is given as http://host:port or http://user:password@host:port.
"""

import socket
import ssl
import sys

from wsproto_core import (
    AcceptConnection,
    ClientConnection,
    CloseConnection,
    HandshakeFailed,
    ProxyTunnel,
    RejectConnection,
    TextMessage,
    TunnelEstablished,
)


def open_tunnel(proxy, uri):
    """A socket whose other end is the host of `uri`, and the first bytes from there."""
    tunnel = ProxyTunnel(proxy, uri)
    assert not tunnel.secure, "a proxy over TLS would take ssl.SSLContext.wrap_bio"
    sock = socket.create_connection(tunnel.address, timeout=10)
    sock.sendall(tunnel.data_to_send())
    while not tunnel.finished:
        data = sock.recv(65536)
        for event in tunnel.receive_data(data) if data else tunnel.receive_eof():
            match event:
                case TunnelEstablished():
                    return sock, tunnel.trailing_data
                case RejectConnection(status_code=status, headers=headers):
                    print("the proxy says:", status, headers.get("Proxy-Authenticate", ""))
                case HandshakeFailed(error=error):
                    print("the proxy failed:", error)
    sock.close()
    sys.exit(1)


def echo(proxy, uri, text):
    ws = ClientConnection(uri)
    sock, data = open_tunnel(proxy, ws.uri)
    if ws.uri.secure:
        # A server waits for the client's first bytes: these would be somebody else's.
        assert not data, "bytes ahead of TLS"
        sock = ssl.create_default_context().wrap_socket(sock, server_hostname=ws.uri.host)
    answer = None
    with sock:
        sock.sendall(ws.data_to_send())
        while not ws.finished:
            data = data or sock.recv(65536)
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
            data = b""
            sock.sendall(ws.data_to_send())
    return answer


if __name__ == "__main__":
    uri = sys.argv[2] if sys.argv[2:] else "ws://localhost:8765/"
    print("received:", echo(sys.argv[1], uri, "hello"))
