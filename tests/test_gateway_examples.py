"""The recipes for ASGI scopes and WSGI environs, as gateways really make them."""

from __future__ import annotations

import asyncio
import runpy
import socket
from collections.abc import Awaitable, Callable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.util import setup_testing_defaults

import pytest
from scripts import EXAMPLES, SECONDS
from werkzeug.test import EnvironBuilder
from wire import KEY, REQUEST, RESPONSE, head, request

from wsproto_core import (
    AcceptConnection,
    ClientConnection,
    CloseConnection,
    CloseSource,
    Event,
    HandshakeFailed,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    ServerConnection,
    TextMessage,
)

ASGI = runpy.run_path(str(EXAMPLES / "asgi_server.py"))
WSGI = runpy.run_path(str(EXAMPLES / "wsgi_app.py"))

TARGETS = [
    "/",
    "/chat",
    "/chat?a=b&c=%20",
    "/a%20b/caf%C3%A9",
    "/%E2%82%AC?%E2%82%AC",
    "/%FF%00",
    "/~a:b@c!$&'()*+,;=",
    "/a?",
]


def only_event(ws: ServerConnection) -> Event:
    (event,) = ws.events()
    return event


# WSGI


def environ_of(data: bytes) -> dict[str, Any]:
    """What wsgiref's server makes of a request."""
    environs: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environs.append(dict(environ))
        start_response("204 No Content", [])
        return []

    class Quiet(WSGIRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    with WSGIServer(("127.0.0.1", 0), Quiet) as server:
        server.timeout = SECONDS
        server.set_app(application)
        with socket.create_connection(server.server_address, SECONDS) as sock:
            sock.sendall(data)
            server.handle_request()
    (environ,) = environs
    return environ


@pytest.mark.parametrize("target", TARGETS)
def test_a_request_is_made_of_the_environ_of_wsgiref(target: str) -> None:
    environ = environ_of(request("X-Two: 1", "X-Two: 2", line=f"GET {target} HTTP/1.1"))
    assert "REQUEST_URI" not in environ
    ws = WSGI["connection_of"](environ)
    event = only_event(ws)
    assert isinstance(event, Request)
    assert event.host == "example.com"
    assert event.target == target.removesuffix("?")  # an empty query leaves no trace
    assert event.headers["x-two"].replace(" ", "") == "1,2"
    assert event.headers["Sec-WebSocket-Key"] == KEY
    ws.accept()
    assert ws.data_to_send() == RESPONSE


def test_a_request_with_a_body_is_refused_whatever_the_environ_calls_its_length() -> None:
    environ = environ_of(request("Content-Length: 5", "Content-Type: a/b") + b"12345")
    assert environ["CONTENT_LENGTH"] == "5"
    event = only_event(WSGI["connection_of"](environ))
    assert isinstance(event, HandshakeFailed)
    assert "Content-Length" in str(event.error)


def test_an_environ_without_the_length_of_a_body_is_a_request_without_one() -> None:
    environ = environ_of(REQUEST)
    assert environ["CONTENT_LENGTH"] == ""
    assert "Content-Length" not in only_event(WSGI["connection_of"](environ)).headers


def test_the_method_of_the_environ_counts() -> None:
    environ = environ_of(request(line="POST / HTTP/1.1"))
    event = only_event(WSGI["connection_of"](environ))
    assert isinstance(event, HandshakeFailed)
    assert event.error.status == 405


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({}, "/"),
        ({"SCRIPT_NAME": "/app", "PATH_INFO": ""}, "/app"),
        ({"SCRIPT_NAME": "/app", "PATH_INFO": "/ws", "QUERY_STRING": "a=b"}, "/app/ws?a=b"),
        ({"PATH_INFO": "/caf\u00c3\u00a9"}, "/caf%C3%A9"),
        ({"PATH_INFO": "/a?b#c%d"}, "/a%3Fb%23c%25d"),
        ({"SCRIPT_NAME": "", "PATH_INFO": ""}, "/"),
        ({"REQUEST_URI": "/as/%73ent", "PATH_INFO": "/as/sent"}, "/as/%73ent"),
        ({"RAW_URI": "/as/%73ent?", "PATH_INFO": "/as/sent"}, "/as/%73ent?"),
    ],
)
def test_the_target_is_as_it_was_sent_or_made_of_its_parts(
    changes: dict[str, str], target: str
) -> None:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    assert WSGI["target_of"](environ | changes) == target


def test_what_a_gateway_let_through_is_answered() -> None:
    environ = environ_of(REQUEST)
    for name, value in {
        "HTTP_HOST": "a\r\nb",
        "HTTP_X": "caf\u00e9",
        "HTTP_X Y": "",
        "REQUEST_URI": "/a b",
        "QUERY_STRING": "a b",
    }.items():
        event = only_event(WSGI["connection_of"](environ | {name: value}))
        assert isinstance(event, HandshakeFailed), name
        assert event.error.status == 400


@pytest.mark.parametrize("target", TARGETS)
def test_a_request_is_made_of_the_environ_of_werkzeug(target: str) -> None:
    fields = [line.split(": ") for line in REQUEST.decode().split("\r\n")[1:-2]]
    builder = EnvironBuilder(path=target, headers=[(name, value) for name, value in fields])
    environ = builder.get_environ()
    event = only_event(WSGI["connection_of"](environ, subprotocols=["chat"]))
    assert isinstance(event, Request)
    path = environ["REQUEST_URI"].partition("?")[0]
    assert event.path == path


def test_a_gateway_that_gives_no_socket_gets_a_page() -> None:
    environ = environ_of(request(line="GET /ws HTTP/1.1"))
    answers: list[str] = []
    body = WSGI["application"](environ, lambda status, headers: answers.append(status))
    assert (answers, b"".join(body)) == (["200 OK"], b"The WebSocket is at /ws.\n")


def test_an_application_under_gunicorn_ends_as_that_wants() -> None:
    environ = environ_of(request(line="GET /ws HTTP/1.1"))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(StopIteration):
            WSGI["application"](environ | {"gunicorn.socket": ours}, None)
        assert theirs.recv(65536) == RESPONSE
        assert theirs.recv(65536) == b""


# ASGI

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def scope_of(**changes: Any) -> dict[str, Any]:
    fields = [line.split(b": ") for line in REQUEST.split(b"\r\n")[1:-2]]
    scope: dict[str, Any] = {
        "type": "websocket",
        "http_version": "1.1",
        "path": "/caf\u00e9 \u20ac",
        "raw_path": None,
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in fields],
    }
    return scope | changes


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({}, "/caf%C3%A9%20%E2%82%AC"),
        ({"raw_path": b"/as/%73ent"}, "/as/%73ent"),
        ({"raw_path": b"/as/%73ent", "query_string": b"a=%20"}, "/as/%73ent?a=%20"),
        ({"query_string": None}, "/caf%C3%A9%20%E2%82%AC"),
        ({"query_string": b"a=b"}, "/caf%C3%A9%20%E2%82%AC?a=b"),
        ({"type": "http", "method": "GET"}, "/caf%C3%A9%20%E2%82%AC"),
        ({"headers": [list(pair) for pair in scope_of()["headers"]]}, "/caf%C3%A9%20%E2%82%AC"),
        ({"headers": iter(scope_of()["headers"])}, "/caf%C3%A9%20%E2%82%AC"),
    ],
)
def test_a_request_is_made_of_a_scope(changes: dict[str, Any], target: str) -> None:
    event = only_event(ASGI["connection_of"](scope_of(**changes)))
    assert isinstance(event, Request)
    assert (event.host, event.target) == ("example.com", target)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"type": "http", "method": "POST"}, 405),
        ({"raw_path": b"/caf\xc3\xa9"}, 400),
        ({"raw_path": b"/", "query_string": b"a b"}, 400),
        ({"headers": []}, 400),
        ({"headers": [*scope_of()["headers"], (b"x", b"a\r\nb")]}, 400),
    ],
)
def test_a_scope_of_a_broken_request_is_answered(changes: dict[str, Any], status: int) -> None:
    ws = ASGI["connection_of"](scope_of(**changes))
    event = only_event(ws)
    assert isinstance(event, HandshakeFailed)
    assert ws.data_to_send().startswith(f"HTTP/1.1 {status} ".encode())


async def converse(application: Application, *actions: Callable[[Any], object]) -> list[Event]:
    """All that a client hears of an application; it acts, one by one, on messages and pongs."""
    tasks: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        await ASGI["serve"](application, reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    client = ClientConnection("ws://example.com/chat?a=b", subprotocols=["a", "b"])
    heard: list[Event] = []
    waiting = list(actions)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        while not client.finished:
            writer.write(client.data_to_send())
            data = await reader.read(65536)
            for event in client.receive_data(data) if data else client.receive_eof():
                heard.append(event)
                if waiting and isinstance(event, (AcceptConnection, TextMessage, Pong)):
                    waiting.pop(0)(client)
        writer.close()
        await writer.wait_closed()
        await asyncio.wait_for(tasks[0], SECONDS)
    return heard


def talk(application: Application, *actions: Callable[[Any], object]) -> list[Event]:
    return asyncio.run(asyncio.wait_for(converse(application, *actions), SECONDS))


def test_an_application_hears_what_the_client_does() -> None:
    heard: list[dict[str, Any]] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope["subprotocols"] == ["a", "b"]
        heard.append(await receive())
        await send({"type": "websocket.accept", "subprotocol": "b", "headers": [(b"x-a", b"b")]})
        for _ in range(2):
            heard.append(await receive())
            await send({"type": "websocket.send", "text": "on", "bytes": None})
        heard.append(await receive())
        heard.append(await receive())
        with pytest.raises(OSError, match="closed"):
            await send({"type": "websocket.send", "text": "too late"})

    events = talk(
        application,
        lambda ws: ws.send_text("text"),
        lambda ws: ws.ping(b"ping"),
        lambda ws: ws.send_bytes(b"bytes"),
        lambda ws: ws.close(3000, "enough"),
    )
    assert isinstance(events[0], AcceptConnection)
    assert (events[0].subprotocol, events[0].headers["X-A"]) == ("b", "b")
    assert events[1:] == [
        TextMessage("on"),
        Pong(b"ping"),
        TextMessage("on"),
        CloseConnection(3000, "enough", CloseSource.PEER),
    ]
    disconnected = {"type": "websocket.disconnect", "code": 3000, "reason": "enough"}
    assert heard == [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "text"},
        {"type": "websocket.receive", "bytes": b"bytes"},
        disconnected,
        {**disconnected, "code": 1006, "reason": ""},
    ]


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        ([], 1000, ""),
        ([{"type": "websocket.close"}], 1000, ""),
        ([{"type": "websocket.close", "code": 4000, "reason": "why"}], 4000, "why"),
        ([{"type": "websocket.close", "code": 4000, "reason": None}], 4000, ""),
    ],
)
def test_an_application_ends_the_connection(
    messages: list[dict[str, Any]], code: int, reason: str
) -> None:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        for message in ({"type": "websocket.accept"}, *messages):
            await send(message)

    events = talk(application, lambda ws: ws.send_text("nobody takes it"))
    assert events[1:] == [CloseConnection(code, reason, CloseSource.PEER)]


@pytest.mark.parametrize(
    ("messages", "status", "body"),
    [
        ([], 500, None),
        ([{"type": "websocket.close"}], 403, None),
        (
            [
                {
                    "type": "websocket.http.response.start",
                    "status": 401,
                    "headers": [(b"www-authenticate", b"Basic")],
                },
                {"type": "websocket.http.response.body", "body": b"who ", "more_body": True},
                {"type": "websocket.http.response.body", "body": b"is it?"},
            ],
            401,
            b"who is it?",
        ),
    ],
)
def test_an_application_declines_the_connection(
    messages: list[dict[str, Any]], status: int, body: bytes | None
) -> None:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    rejected, *rest = talk(application)
    assert isinstance(rejected, RejectConnection)
    assert rejected.status_code == status
    assert rest == ([] if body is None else [RejectData(body)])


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (request(without=["Upgrade"]), b"HTTP/1.1 400 Bad Request"),
        (request(line="POST / HTTP/1.1"), b"HTTP/1.1 405 Method Not Allowed"),
        (request(line="GET / HTTP/1.0"), b""),
        (head("garbage"), b""),
        (b"", b""),
    ],
)
def test_an_application_does_not_hear_of_what_is_no_request(data: bytes, line: bytes) -> None:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        raise AssertionError

    async def ask() -> bytes:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await ASGI["serve"](application, reader, writer)

        async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(data)
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), SECONDS)
            writer.close()
            await writer.wait_closed()
            return answer

    assert asyncio.run(ask()).partition(b"\r\n")[0] == line
