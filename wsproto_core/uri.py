"""ws:// and wss:// URIs (RFC 6455 section 3, RFC 3986) and IRIs (RFC 3987), and proxies'.

Takes a URI apart into what a client needs to connect and to ask. This module knows
nothing of connections, and resolves no names. No message here shows any part of a URI:
a misplaced delimiter can put a piece of the password anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from .exceptions import InvalidURI
from .headers import parse_host

__all__ = ["ProxyURI", "WebSocketURI", "parse_proxy_uri", "parse_uri"]


@dataclass(frozen=True, slots=True)
class WebSocketURI:
    """The parts of a ws:// or wss:// URI, as `parse_uri` gives them.

    Its `str` is the URI in its normal form, without user name and password.
    """

    secure: bool
    """Whether the scheme is wss: TLS is wanted."""

    host: str
    """A name or address, ASCII in lower case. An IPv6 address has no brackets."""

    port: int
    """The port, the scheme's default one where the URI gives none: 80 or 443."""

    path: str
    """The path, percent-encoded; ``/`` where the URI gives none."""

    query: str | None
    """What follows the question mark, percent-encoded; None without question mark."""

    username: str | None = field(default=None, repr=False)
    """The user name, decoded; None where the URI gives none. Not in the repr."""

    password: str | None = field(default=None, repr=False)
    """The password, decoded; empty where there is only a user name. Not in the repr."""

    @property
    def scheme(self) -> str:
        """``ws`` or ``wss``."""
        return "wss" if self.secure else "ws"

    @property
    def authority(self) -> str:
        """The value of the Host header field: the port only if not the default one."""
        host = _bracketed(self.host)
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def host_and_port(self) -> str:
        """What a proxy is asked for (RFC 9112 section 3.2.3): the port is always there."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def target(self) -> str:
        """The resource name (RFC 6455 section 3): path and query."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# Control characters, space, backslash, and surrogates, which have no UTF-8 form.
_FORBIDDEN: Final = re.compile("[\x00-\x20\x7f-\x9f\\\\\ud800-\udfff]")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AUTHORITY: Final = (
    r"(?:([^/?@]*)@)?"  # userinfo
    r"(\[[^/?]*\]|[^/?:]*)"  # host
    r"(:[^/?]*)?"  # port
)
_FLAGS: Final = re.ASCII | re.IGNORECASE | re.DOTALL
_URI: Final = re.compile(rf"(wss?)://{_AUTHORITY}(/[^?]*)?(?:\?(.*))?", _FLAGS)
_PROXY_URI: Final = re.compile(rf"(https?)://{_AUTHORITY}/?", _FLAGS)
_MAX_DOMAIN: Final = 253
_DOMAIN: Final = re.compile(r"[0-9A-Za-z\-._]+")

# What RFC 3986 allows in a path or a query, next to letters, digits and "-._~". The
# percent sign is here because escapes stay as they are.
_PATH_SAFE: Final = "/:@!$&'()*+,;=%"
_QUERY_SAFE: Final = _PATH_SAFE + "?"


def parse_uri(uri: str) -> WebSocketURI:
    """Take a ws:// or wss:// URI or IRI apart (RFC 6455 section 3).

    What a URI cannot carry as it is gets percent-encoded as UTF-8 in path and query;
    a host name that is not ASCII becomes its IDNA form. Escapes that are there stay.
    An empty userinfo is none at all.

    Raises:
        InvalidURI: `uri` is not such a URI, or has a fragment, a space, a control
            character, a backslash, or a percent sign that starts no escape.
        TypeError: `uri` is not a `str`.
    """
    _check_characters(uri)
    match = _URI.fullmatch(uri)
    if match is None:
        raise InvalidURI("a WebSocket URI must be like ws://host:port/path or wss://...")
    scheme, userinfo, host, port, path, query = match.groups()
    scheme = scheme.lower()
    username, password = _split_userinfo(userinfo)
    name, number = _split_host(host, port or "")
    return WebSocketURI(
        secure=scheme == "wss",
        host=name,
        port=number or _DEFAULT_PORTS[scheme],
        path=quote(path or "/", safe=_PATH_SAFE),
        query=None if query is None else quote(query, safe=_QUERY_SAFE),
        username=username,
        password=password,
    )


class ProxyURI(NamedTuple):
    """The parts of the URI of a proxy."""

    secure: bool
    host: str
    port: int
    username: str | None
    password: str | None


def parse_proxy_uri(uri: str) -> ProxyURI:
    """Take the http:// or https:// URI of a proxy apart, by the rules of `parse_uri`.

    Raises:
        InvalidURI: `uri` is not such a URI, or has more behind the port than a slash.
        TypeError: `uri` is not a `str`.
    """
    _check_characters(uri)
    match = _PROXY_URI.fullmatch(uri)
    if match is None:
        raise InvalidURI("the URI of a proxy must be like http://host:port or https://...")
    scheme, userinfo, host, port = match.groups()
    scheme = scheme.lower()
    name, number = _split_host(host, port or "")
    return ProxyURI(
        scheme == "https", name, number or _DEFAULT_PORTS[scheme], *_split_userinfo(userinfo)
    )


def _check_characters(uri: object) -> None:
    """Refuse what must not be anywhere in a URI, before its parts are told apart."""
    if not isinstance(uri, str):
        raise TypeError(f"a URI must be a str, not {type(uri).__name__}")
    if _FORBIDDEN.search(uri):
        raise InvalidURI("a URI must not have spaces, control characters or backslashes")
    if _BAD_ESCAPE.search(uri):
        raise InvalidURI("a percent sign must be followed by two hexadecimal digits")
    if "#" in uri:
        # RFC 6455 section 3: fragment identifiers MUST NOT be used, "#" is escaped.
        raise InvalidURI("a URI must not have a fragment: write %23 for '#'")


def _split_userinfo(userinfo: str | None) -> tuple[str | None, str | None]:
    if not userinfo:
        return None, None
    username, _, password = userinfo.partition(":")
    return (
        _percent_decode(username, "the user name"),
        _percent_decode(password, "the password"),
    )


def _split_host(host: str, port: str) -> tuple[str, int | None]:
    if not host:
        raise InvalidURI("a URI must have a host")
    if not host.isascii() or "%" in host:
        host = _to_ascii(_percent_decode(host, "the host"))
    host_and_port = parse_host(host + port)
    if host_and_port is None:
        raise InvalidURI("the host or port of a URI is malformed (RFC 3986 section 3.2)")
    if host_and_port[1] == 0:
        raise InvalidURI("there is no port 0 to connect to")
    return host_and_port


def _to_ascii(name: str) -> str:
    """The IDNA form of a name (RFC 3490, as far as the standard library goes)."""
    if len(name) > _MAX_DOMAIN:
        raise InvalidURI(f"a host name must not have more than {_MAX_DOMAIN} characters")
    try:
        domain = name.encode("idna").decode("ascii")
    except UnicodeError:
        raise InvalidURI("the host of a URI has no IDNA form") from None
    # Decoding and normalisation can give any delimiter, as from a full-width colon.
    if not _DOMAIN.fullmatch(domain):
        raise InvalidURI("the host of a URI has no IDNA form")
    return domain


def _percent_decode(text: str, what: str) -> str:
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidURI(f"{what} in a URI is not UTF-8 behind its escapes") from None
