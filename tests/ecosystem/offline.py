"""A plugin for pytest: every name is this machine, so that no test needs the network."""

from __future__ import annotations

import socket
from typing import Any

_look_up = socket.getaddrinfo


def _local(host: Any, *arguments: Any, **options: Any) -> Any:
    known = host in (None, "", "localhost") or _is_address(host)
    return _look_up(host if known else "127.0.0.1", *arguments, **options)


def _is_address(host: Any) -> bool:
    try:
        _look_up(host, None, flags=socket.AI_NUMERICHOST)
    except OSError:
        return False
    return True


socket.getaddrinfo = _local
