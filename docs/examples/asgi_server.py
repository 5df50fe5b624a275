"""A small ASGI server for WebSockets.

    python asgi_server.py [PORT]

An ASGI server has parsed the request when it calls the application with a scope. That is
where `from_request` goes on: events become messages to the application, and its messages
become events. h11 stands for the parser that such a server has.
"""

import asyncio
import sys
from urllib.parse import quote, unquote

import h11

from wsproto_core import (
    BytesMessage,
    CloseConnection,
    ConnectionState,
    RejectConnection,
    RejectData,
    Request,
    ServerConnection,
    TextMessage,
)


def connection_of(scope, **options):
    """The connection for the request of an ASGI scope, "websocket" or "http"."""
    target = scope.get("raw_path") or quote(scope["path"]).encode()
    if scope.get("query_string"):
        target += b"?" + scope["query_string"]
    method = scope.get("method", "GET")
    return ServerConnection.from_request(scope["headers"], target, method=method, **options)


class Session:
    """One WebSocket: what the application receives and sends, on a connection and streams."""

    def __init__(self, ws, reader, writer):
        self.ws, self.reader, self.writer = ws, reader, writer
        self.connected = False

    async def run(self, app, scope):
        ws = self.ws
        match next(ws.events()):  # or else HandshakeFailed, and the answer is queued
            case Request(subprotocols=subprotocols):
                scope["subprotocols"] = list(subprotocols)
                await app(scope, self.receive, self.send)
                if ws.state is ConnectionState.CONNECTING:
                    ws.reject(500)
                elif ws.state is ConnectionState.OPEN:
                    ws.close()
        await self.flush()
        while not ws.finished:
            await self.read()
            for _ in ws.events():  # nobody is left to take them
                pass
            await self.flush()

    async def receive(self):
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        while not self.ws.finished:
            for event in self.ws.events():
                match event:
                    case TextMessage(data=text):
                        return {"type": "websocket.receive", "text": text}
                    case BytesMessage(data=data):
                        return {"type": "websocket.receive", "bytes": data}
                    case CloseConnection(code=code, reason=reason):
                        return {"type": "websocket.disconnect", "code": code, "reason": reason}
            await self.flush()  # the answers to pings
            await self.read()
        return {"type": "websocket.disconnect", "code": 1006, "reason": ""}

    async def send(self, message):
        ws = self.ws
        if ws.state is ConnectionState.CLOSED:
            raise OSError("the connection is closed")
        match message:
            case {"type": "websocket.accept"}:
                ws.accept(message.get("subprotocol"), headers=message.get("headers", ()))
            case {"type": "websocket.send", "text": str(text)}:
                ws.send_text(text)
            case {"type": "websocket.send", "bytes": data}:
                ws.send_bytes(data)
            case {"type": "websocket.close"} if ws.state is ConnectionState.CONNECTING:
                ws.reject(403)
            case {"type": "websocket.close"}:
                ws.close(message.get("code", 1000), message.get("reason") or "")
            case {"type": "websocket.http.response.start", "status": status}:
                ws.send(RejectConnection(status, message.get("headers", ()), has_body=True))
            case {"type": "websocket.http.response.body"}:
                more = message.get("more_body", False)
                ws.send(RejectData(message.get("body", b""), body_finished=not more))
        await self.flush()

    async def flush(self):
        self.writer.write(self.ws.data_to_send())
        await self.writer.drain()

    async def read(self):
        data = await self.reader.read(65536)
        self.ws.receive_data(data) if data else self.ws.receive_eof()


async def read_scope(reader):
    """The scope of the next request, and what has come behind that."""
    parser = h11.Connection(h11.SERVER)
    while (request := parser.next_event()) is h11.NEED_DATA:
        parser.receive_data(await reader.read(65536))
    if not isinstance(request, h11.Request) or request.http_version != b"1.1":
        raise ConnectionError("no request of HTTP/1.1")
    raw_path, _, query_string = request.target.partition(b"?")
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method.decode(),
        "path": unquote(raw_path),
        "raw_path": raw_path,
        "query_string": query_string,
        "headers": list(request.headers),
        "subprotocols": [],  # not known before the request is checked
        "extensions": {"websocket.http.response": {}},
    }
    return scope, parser.trailing_data[0]


async def serve(app, reader, writer):
    try:
        scope, rest = await read_scope(reader)
        ws = connection_of(scope)
        ws.receive_data(rest)
        await Session(ws, reader, writer).run(app, scope)
    except (OSError, h11.RemoteProtocolError) as error:
        print("connection lost:", error)
    finally:
        writer.close()


async def echo(scope, receive, send):
    """An application."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


async def main(port):
    async def connected(reader, writer):
        await serve(echo, reader, writer)

    server = await asyncio.start_server(connected, "localhost", port)
    print(f"listening on ws://localhost:{server.sockets[0].getsockname()[1]}/", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 8765))
