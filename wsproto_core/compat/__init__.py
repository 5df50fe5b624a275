"""Programs that are written for wsproto, on this engine, unchanged.

`install` makes ``import wsproto`` resolve to this package;
``python -m wsproto_core.compat PROGRAM`` runs a program so. The names below are those of
wsproto 1.3.2, with its defaults; what is behind them is the engine of this package.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from ..exceptions import LocalProtocolError, ProtocolError
from . import events
from .codes import LOCAL_ONLY_CLOSE_REASONS, CloseReason, ConnectionState, ConnectionType, Opcode
from .connection import Connection
from .extensions import (
    SUPPORTED_EXTENSIONS,
    Extension,
    PerMessageDeflate,
    client_extensions_handshake,
    server_extensions_handshake,
)
from .handshake import H11Handshake, WSConnection
from .headers import (
    generate_accept_token,
    generate_nonce,
    normed_header_dict,
    split_comma_header,
)

__all__ = ["install"]


def _named(*values: Any, **others: object) -> dict[str, object]:
    return {value.__name__: value for value in values} | others


# What each module of wsproto's offers.
_MODULES: Final[dict[str, dict[str, object]]] = {
    "wsproto": _named(
        Connection,
        ConnectionState,
        ConnectionType,
        H11Handshake,
        WSConnection,
        __all__=("ConnectionType", "WSConnection"),
        __version__="1.3.2",
    ),
    "wsproto.typing": {"Headers": events.Headers},
    "wsproto.frame_protocol": _named(
        CloseReason, Opcode, LOCAL_ONLY_CLOSE_REASONS=LOCAL_ONLY_CLOSE_REASONS
    ),
    "wsproto.events": _named(
        *[getattr(events, name) for name in events.__all__ if name != "RemoteProtocolError"]
    ),
    "wsproto.utilities": _named(
        LocalProtocolError,
        ProtocolError,
        events.RemoteProtocolError,
        generate_accept_token,
        generate_nonce,
        normed_header_dict,
        split_comma_header,
    ),
    "wsproto.extensions": _named(
        Extension, PerMessageDeflate, SUPPORTED_EXTENSIONS=SUPPORTED_EXTENSIONS
    ),
    "wsproto.connection": _named(
        Connection,
        ConnectionState,
        ConnectionType,
        CLIENT=ConnectionType.CLIENT,
        SERVER=ConnectionType.SERVER,
    ),
    "wsproto.handshake": _named(
        H11Handshake,
        client_extensions_handshake,
        server_extensions_handshake,
        WEBSOCKET_UPGRADE=b"websocket",
        WEBSOCKET_VERSION=b"13",
    ),
}


class _Importer(MetaPathFinder, Loader):
    """Finds wsproto's modules, and fills them with the names above."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _MODULES:
            return None
        return ModuleSpec(fullname, self, origin=__name__, is_package=fullname == "wsproto")

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(_MODULES[module.__name__], __doc__=__doc__)
        if module.__name__ == "wsproto":
            for name in _MODULES:
                import_module(name)  # a bare ``import wsproto`` binds all of them


def install() -> None:
    """Make ``import wsproto``, and the import of any of its modules, resolve to this package.

    Call it before anything imports wsproto; a second call does nothing. A process that the
    program starts anew is not affected.

    Raises:
        ImportError: wsproto itself is imported already: who did so would keep it.
    """
    for name in _MODULES:
        module = sys.modules.get(name)
        if module is not None and not isinstance(getattr(module, "__loader__", None), _Importer):
            raise ImportError(
                f"{name} is imported already, from {getattr(module, '__file__', 'elsewhere')}: "
                "call wsproto_core.compat.install() before anything that imports it",
                name=name,
            )
    if not any(isinstance(finder, _Importer) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Importer())
    import_module("wsproto")
