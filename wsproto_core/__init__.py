"""A WebSocket protocol engine without I/O: bytes in, typed events out, and back again."""

from __future__ import annotations

from .basic_auth import (
    build_basic_authorization,
    build_basic_challenge,
    check_basic_authorization,
    parse_basic_authorization,
)
from .broadcast import Skipped, broadcast
from .client import ClientConnection
from .codes import CloseCode, Opcode, Role
from .config import Limits, Timeouts
from .connection import Connection
from .events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    CloseSource,
    Event,
    HandshakeFailed,
    Message,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from .exceptions import (
    ClosingTimeout,
    CompressedDataError,
    ConnectionLost,
    EarlyDataTooLarge,
    FrameError,
    HandshakeError,
    HeadTooLarge,
    HostNotAllowed,
    HTTPVersionNotSupported,
    InvalidTextError,
    InvalidURI,
    LocalProtocolError,
    MalformedHandshake,
    MessageTooBig,
    MethodNotAllowed,
    NegotiationError,
    OpeningTimeout,
    OriginNotAllowed,
    PongTimeout,
    ProtocolError,
    RemoteProtocolError,
    TooManyFragments,
    UnsupportedVersion,
)
from .extensions.base import Agreement, Codec, Extension
from .extensions.deflate_codec import ZlibModule
from .extensions.permessage_deflate import PerMessageDeflate
from .frames import Frame, encode_frame
from .handshake import SubprotocolSelector
from .headers import Headers, HeadersLike, accept_key, generate_key
from .masking import COMPILED, mask
from .proxy import ProxyTunnel, TunnelEstablished
from .server import ServerConnection, ServerOptions
from .state import ConnectionState
from .types import (
    BytesLike,
    Data,
    Delivery,
    ExtensionName,
    ExtensionOffer,
    ExtensionParameter,
    Liveness,
    Origin,
    RandomBytes,
    Subprotocol,
)
from .uri import WebSocketURI, parse_uri
from .version import __version__

__all__ = [
    "COMPILED",
    "AcceptConnection",
    "Agreement",
    "BytesLike",
    "BytesMessage",
    "ClientConnection",
    "CloseCode",
    "CloseConnection",
    "CloseSource",
    "ClosingTimeout",
    "Codec",
    "CompressedDataError",
    "Connection",
    "ConnectionLost",
    "ConnectionState",
    "Data",
    "Delivery",
    "EarlyDataTooLarge",
    "Event",
    "Extension",
    "ExtensionName",
    "ExtensionOffer",
    "ExtensionParameter",
    "Frame",
    "FrameError",
    "HTTPVersionNotSupported",
    "HandshakeError",
    "HandshakeFailed",
    "HeadTooLarge",
    "Headers",
    "HeadersLike",
    "HostNotAllowed",
    "InvalidTextError",
    "InvalidURI",
    "Limits",
    "Liveness",
    "LocalProtocolError",
    "MalformedHandshake",
    "Message",
    "MessageTooBig",
    "MethodNotAllowed",
    "NegotiationError",
    "Opcode",
    "OpeningTimeout",
    "Origin",
    "OriginNotAllowed",
    "PerMessageDeflate",
    "Ping",
    "Pong",
    "PongTimeout",
    "ProtocolError",
    "ProxyTunnel",
    "RandomBytes",
    "RejectConnection",
    "RejectData",
    "RemoteProtocolError",
    "Request",
    "Role",
    "ServerConnection",
    "ServerOptions",
    "Skipped",
    "Subprotocol",
    "SubprotocolSelector",
    "TextMessage",
    "Timeouts",
    "TooManyFragments",
    "TunnelEstablished",
    "UnsupportedVersion",
    "WebSocketURI",
    "ZlibModule",
    "__version__",
    "accept_key",
    "broadcast",
    "build_basic_authorization",
    "build_basic_challenge",
    "check_basic_authorization",
    "encode_frame",
    "generate_key",
    "mask",
    "parse_basic_authorization",
    "parse_uri",
]
