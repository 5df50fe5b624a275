"""The examples of the documentation that go through proxies, over loopback."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from proxies import HTTPProxy, Proxy, SOCKS5Proxy, running
from scripts import EXAMPLES, run, serving

from wsproto_core import Message, Request, ServerConnection

AUTHORITY = trustme.CA()
DONE = ["closed: 1000 ", "received: hello"]


@pytest.fixture
def uri() -> Iterator[str]:
    with serving(EXAMPLES / "asyncio_server.py") as uri:
        yield uri


def authority(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.hostname}:{parts.port}"


@pytest.mark.parametrize(
    "answer", [None, b"HTTP/1.0 200 Connection established\r\nContent-Length: 9\r\n\r\n"]
)
def test_a_client_goes_through_an_http_proxy(uri: str, answer: bytes | None) -> None:
    with running(HTTPProxy(answer=answer)) as proxy:
        output = run(EXAMPLES / "proxy_client.py", f"http://{proxy.address}", uri)
    assert output.splitlines() == DONE
    assert proxy.asked[0] == f"CONNECT {authority(uri)} HTTP/1.1".encode()
    assert not any(line.lower().startswith(b"proxy-authorization") for line in proxy.asked)


class TLSServer(Proxy):
    """An echo server for one connection over TLS."""

    def negotiate(self, sock: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("localhost").configure_cert(context)
        ws = ServerConnection()
        with suppress(OSError), context.wrap_socket(sock, server_side=True) as tls:
            while not ws.finished:
                data = tls.recv(65536)
                for event in ws.receive_data(data) if data else ws.receive_eof():
                    if isinstance(event, Request):
                        ws.accept()
                    elif isinstance(event, Message):
                        ws.send(event)
                tls.sendall(ws.data_to_send())


@pytest.fixture
def secure_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    authority = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(authority))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with running(TLSServer()) as server:
        yield f"wss://localhost:{server.address.partition(':')[2]}/"


def test_tls_goes_through_the_tunnel_of_an_http_proxy(secure_uri: str) -> None:
    with running(HTTPProxy()) as proxy:
        output = run(EXAMPLES / "proxy_client.py", f"http://{proxy.address}", secure_uri)
    assert output.splitlines() == DONE


def test_bytes_ahead_of_tls_are_not_taken_for_the_servers(secure_uri: str) -> None:
    answer = b"HTTP/1.1 200 Connection established\r\n\r\n\x15\x03\x03"
    with running(HTTPProxy(answer=answer)) as proxy:
        address = f"http://{proxy.address}"
        output = run(EXAMPLES / "proxy_client.py", address, secure_uri, returncode=1)
    assert "bytes ahead of TLS" in output


def test_a_client_says_who_it_is_to_an_http_proxy(uri: str) -> None:
    with running(HTTPProxy("al\u00efce:a b")) as proxy:
        output = run(EXAMPLES / "proxy_client.py", f"http://al%C3%AFce:a%20b@{proxy.address}", uri)
    assert output.splitlines() == DONE


@pytest.mark.parametrize("userinfo", ["", "alice:wrong@"])
def test_a_client_hears_that_an_http_proxy_refuses_it(uri: str, userinfo: str) -> None:
    with running(HTTPProxy("alice:right")) as proxy:
        output = run(
            EXAMPLES / "proxy_client.py", f"http://{userinfo}{proxy.address}", uri, returncode=1
        )
    assert output == 'the proxy says: 407 Basic realm="loopback"\n'


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "illegal status line"),
        (b"HTTP/1.1 ", "the transport ended before the proxy answered"),
    ],
)
def test_a_client_hears_what_is_wrong_with_a_proxy(uri: str, answer: bytes, error: str) -> None:
    with running(HTTPProxy(answer=answer)) as proxy:
        output = run(EXAMPLES / "proxy_client.py", f"http://{proxy.address}", uri, returncode=1)
    assert output == f"the proxy failed: {error}\n"


@pytest.mark.parametrize(
    "bound", [b"\x01\x7f\0\0\x01", b"\x04" + bytes(16), b"\x03\x05proxy", b"\x03\x00"]
)
def test_a_client_goes_through_a_socks5_proxy(uri: str, bound: bytes) -> None:
    with running(SOCKS5Proxy(bound=bound)) as proxy:
        output = run(EXAMPLES / "socks5_client.py", proxy.address, uri)
    assert output.splitlines() == DONE
    assert proxy.asked == [f"1 {authority(uri).replace(':', ' ')}".encode()]


def test_a_socks5_proxy_is_given_a_name_as_a_name(uri: str) -> None:
    port = urlsplit(uri).port
    with running(SOCKS5Proxy()) as proxy:
        output = run(EXAMPLES / "socks5_client.py", proxy.address, f"ws://localhost:{port}/")
    assert output.splitlines() == DONE
    assert proxy.asked == [f"3 localhost {port}".encode()]


def test_a_client_says_who_it_is_to_a_socks5_proxy(uri: str) -> None:
    with running(SOCKS5Proxy((b"alice", b"a:b"))) as proxy:
        output = run(EXAMPLES / "socks5_client.py", f"{proxy.address}:alice:a:b", uri)
    assert output.splitlines() == DONE


@pytest.mark.parametrize(
    ("options", "credentials", "error"),
    [
        ([(b"alice", b"b")], "", "takes none of the ways to authenticate"),
        ([(b"alice", b"b")], ":alice:c", "refuses the user name or the password"),
        ([(b"alice", b"b"), 5], ":alice:b", "says CONNECTION_REFUSED"),
        ([None, 2], "", "says CONNECTION_NOT_ALLOWED_BY_RULESET"),
        ([None, 4, b"\x03\x00"], "", "says HOST_UNREACHABLE"),
    ],
    ids=["method", "password", "refused", "forbidden", "unreachable"],
)
def test_a_client_hears_that_a_socks5_proxy_refuses_it(
    uri: str, options: list[Any], credentials: str, error: str
) -> None:
    with running(SOCKS5Proxy(*options)) as proxy:
        address = f"{proxy.address}{credentials}"
        output = run(EXAMPLES / "socks5_client.py", address, uri, returncode=1)
    assert output == f"no connection: the proxy {error}\n"


class NoProxy(Proxy):
    def negotiate(self, sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_client_hears_of_a_proxy_that_is_none(uri: str) -> None:
    with running(NoProxy()) as proxy:
        output = run(EXAMPLES / "socks5_client.py", proxy.address, uri, returncode=1)
    assert output == "no connection: Malformed reply\n"
