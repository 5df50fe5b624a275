"""wsproto itself and our package under its names, side by side in one process."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import pytest
import wsproto
import wsproto.utilities
from wire import accept_for, head, request

from wsproto_core import ProtocolError, Role, compat


@contextmanager
def without_wsproto() -> Iterator[None]:
    """A time in which nothing has imported wsproto, nor installed ours."""
    finders = sys.meta_path[:]
    modules = {name: sys.modules.pop(name) for name in wsproto_modules()}
    try:
        yield
    finally:
        for name in wsproto_modules():
            del sys.modules[name]
        sys.modules.update(modules)
        sys.meta_path[:] = finders


def wsproto_modules() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "wsproto"]


def _installed() -> Any:
    with without_wsproto():
        compat.install()
        return sys.modules["wsproto"]


THEIRS: Any = wsproto
OURS: Any = _installed()

both = pytest.mark.parametrize("api", [THEIRS, OURS], ids=["wsproto", "ours"])


# One call to each, so that what comes of it can be compared.


ERRORS = (
    AssertionError,
    LookupError,
    TypeError,
    ValueError,
    h11.ProtocolError,
    struct.error,
    ProtocolError,
    wsproto.utilities.ProtocolError,
)


def attempt(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What `call` gives, or what it raised: the name, and the status that a hint has."""
    try:
        return call(*arguments, **options)
    except ERRORS as error:
        name = f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"
        name = re.sub(r"^(wsproto|wsproto_core|builtins)\.", "", name)
        hint = getattr(error, "event_hint", None)
        return name if hint is None else (name, int(hint.status_code))


def take(ws: Any, data: bytes | None = b"") -> Any:
    """The events that come of `data`, or what was raised."""
    return attempt(lambda: [ws.receive_data(data), *ws.events()][1:])


def opened(api: Any, role: Role = Role.SERVER, *, deflated: bool = False) -> Any:
    """An open connection, on which permessage-deflate is agreed or not."""
    extensions: list[Any] = []
    if deflated:
        extensions = [api.extensions.PerMessageDeflate()]
        extensions[0].finalize("permessage-deflate")
    return api.Connection(api.ConnectionType[role.name], extensions)


def asked(api: Any, *fields: str) -> Any:
    """A server that has a request with additional `fields`, its event taken."""
    ws = api.WSConnection(api.ConnectionType.SERVER)
    ws.receive_data(request(*fields))
    assert len(list(ws.events())) == 1
    return ws


def asking(api: Any, **options: Any) -> tuple[Any, str]:
    """A client that has sent its request, and the key in it."""
    ws = api.WSConnection(api.ConnectionType.CLIENT)
    sent = ws.send(api.events.Request("example.com", "/chat", **options))
    key = re.search(rb"Sec-WebSocket-Key: (.*)\r\n", sent)
    assert key is not None
    return ws, key[1].decode()


def answered(api: Any, *fields: str, **options: Any) -> tuple[Any, Any]:
    """A client that has got a 101 with additional `fields`, and what came of that."""
    ws, key = asking(api, **options)
    fields = ("Upgrade: websocket", "Connection: Upgrade", *fields)
    accept = f"Sec-WebSocket-Accept: {accept_for(key)}"
    return ws, take(ws, head("HTTP/1.1 101 Switching Protocols", *fields, accept))
