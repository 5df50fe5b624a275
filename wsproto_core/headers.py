"""What an HTTP field is, and what the fields of a WebSocket handshake say.

Field lists, the grammar of their values (RFC 9110 section 5.6, RFC 6455 section 9.1),
keys, origins and hosts: text in, values out. This module decides nothing about a
handshake, and knows nothing of connections or of how HTTP is parsed. All parsing here
takes time linear in the size of its input.
"""

# pyright: reportPrivateUsage=false
# What stands beside a class here shares what is private to it.

from __future__ import annotations

import hashlib
import ipaddress
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias, TypeVar, cast, overload

from .exceptions import LocalProtocolError, MalformedHandshake
from .types import ExtensionName, ExtensionOffer, ExtensionParameter, RandomBytes, as_text

__all__ = [
    "Headers",
    "HeadersLike",
    "accept_key",
    "as_headers",
    "check_fields",
    "check_received_fields",
    "format_extension_list",
    "generate_key",
    "is_key",
    "is_token",
    "parse_extension_list",
    "parse_host",
    "parse_origin",
    "parse_protocol_list",
    "parse_token_list",
    "quote",
    "values_by_name",
]

_T = TypeVar("_T")


# "Any" only because mypy takes `name in headers` for an error where items are pairs.
class Headers(Sequence[tuple[str, str] | Any]):
    """An immutable, ordered list of header fields (RFC 9110 section 5).

    A sequence of (name, value) pairs, one for each field line. Names keep the case in
    which they were given; lookup, comparison and hash ignore it. Content is not
    checked here, but where it is to be sent.

    Args:
        fields: pairs, a mapping, or other headers. Bytes are decoded as ISO-8859-1.

    Raises:
        TypeError: `fields` is none of these, or a name or value is not text.
    """

    __slots__ = ("_fields",)

    _fields: tuple[tuple[str, str], ...]

    def __init__(self, fields: HeadersLike = ()) -> None:
        # The most common first: whether something is one of the others takes long to find out.
        if not isinstance(fields, (tuple, list)):
            if isinstance(fields, Headers):
                self._fields = fields._fields
                return
            if isinstance(fields, Mapping):
                fields = cast("Mapping[str, str]", fields).items()
        self._fields = tuple([_as_field(pair) for pair in fields])

    def get_all(self, name: str) -> tuple[str, ...]:
        """The values of all lines with this name, in order."""
        key = name.lower()
        return tuple([value for each, value in self._fields if each.lower() == key])

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: _T) -> str | _T: ...
    def get(self, name: str, default: object = None) -> object:
        """The values of all lines with this name, joined (RFC 9110 section 5.3).

        Gives `default` where there is no such line.
        """
        values = self.get_all(name)
        return ", ".join(values) if values else default

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> Headers: ...
    @overload
    def __getitem__(self, index: str) -> str: ...
    def __getitem__(self, index: int | slice | str) -> tuple[str, str] | Headers | str:
        """The field at a position, the fields of a range, or what `get` gives for a name.

        Raises:
            IndexError: there is no field at that position.
            KeyError: there is no field of that name.
        """
        if isinstance(index, str):
            value = self.get(index)
            if value is None:
                raise KeyError(index)
            return value
        if isinstance(index, slice):
            return as_headers(self._fields[index])
        return self._fields[index]

    def __contains__(self, item: object) -> bool:
        """Whether there is a field of this name, or this very (name, value) pair."""
        if isinstance(item, str):
            return bool(self.get_all(item))
        match item:
            case (str() as name, str() as value):
                return value in self.get_all(name)
            case _:
                return False

    def __len__(self) -> int:
        return len(self._fields)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __add__(self, other: HeadersLike) -> Headers:
        more = other if isinstance(other, Headers) else Headers(other)
        return as_headers(self._fields + more._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._folded() == other._folded()

    def __hash__(self) -> int:
        return hash(self._folded())

    def __repr__(self) -> str:
        return f"Headers({list(self._fields)!r})"

    def __reduce__(self) -> tuple[type[Headers], tuple[tuple[tuple[str, str], ...]]]:
        return Headers, (self._fields,)

    def _folded(self) -> tuple[tuple[str, str], ...]:
        return tuple([(name.lower(), value) for name, value in self._fields])


def as_headers(fields: tuple[tuple[str, str], ...]) -> Headers:
    """Headers of pairs that are known to be text: nothing is looked at."""
    headers = object.__new__(Headers)
    headers._fields = fields
    return headers


HeadersLike: TypeAlias = (
    Headers | Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[str | bytes, str | bytes]]
)
"""What is accepted where header fields are wanted."""


def values_by_name(headers: Headers) -> dict[str, list[str]]:
    """The values of all fields by their names in lower case, each list in order."""
    found: dict[str, list[str]] = {}
    for name, value in headers._fields:
        found.setdefault(name.lower(), []).append(value)
    return found


def _as_field(pair: object) -> tuple[str, str]:
    match pair:
        case (str() as name, str() as value):
            return name, value
        case ((str() | bytes()) as name, (str() | bytes()) as value):
            return as_text(name, "a field name"), as_text(value, "a field value")
        case _:
            raise TypeError("header fields must be (name, value) pairs of str or bytes")


def check_fields(fields: Headers) -> None:
    """Check fields that we are asked to send (RFC 9110 sections 5.1 and 5.5).

    Names must be tokens. Values must be visible ASCII, spaces and tabs, with neither
    space nor tab at the ends; they may be empty.

    Raises:
        LocalProtocolError: a field cannot be sent. The message never shows its value.
    """
    for name, value in fields._fields:
        if not is_token(name):
            raise LocalProtocolError(f"header field name {_excerpt(name)} is not a token")
        _check_sendable(value, f"the value of header field {_excerpt(name)}")
        if value != value.strip(" \t"):
            raise LocalProtocolError(
                f"the value of header field {_excerpt(name)} starts or ends with whitespace"
            )


def check_received_fields(fields: Headers) -> None:
    """Check fields that the peer sent, whoever parsed them (RFC 9110 sections 5.1 and 5.5).

    Names must be tokens. Values must be visible ASCII, spaces and tabs.

    Raises:
        MalformedHandshake: one is not.
    """
    if not fields:
        return
    names, values = zip(*fields._fields, strict=True)
    # Nearly always nothing is wrong, which is found out in a fraction of the time.
    named = "" not in names and _has_only("".join(names), _TOKEN_BYTES)
    if named and _has_only("".join(values), _SENDABLE_BYTES):
        return
    bad = [
        name for name, value in fields._fields if not is_token(name) or _UNSENDABLE.search(value)
    ]
    name = bad[0]
    if not is_token(name):
        raise MalformedHandshake(
            f"header field name {_excerpt(name)} is not a token", section="RFC 9110 section 5.1"
        )
    raise MalformedHandshake(
        f"{name[:60]} has more than visible ASCII, space and tab", section="RFC 9110 section 5.5"
    )


def _has_only(text: str, allowed: bytes) -> bool:
    """Whether `text` is made of `allowed` ASCII characters."""
    return text.isascii() and not text.encode().translate(None, allowed)


def _check_sendable(text: str, what: str) -> None:
    bad = _UNSENDABLE.search(text)
    if bad is not None:
        found = f"{bad[0]!a} at index {bad.start()}"
        raise LocalProtocolError(f"{what} has {found}: only visible ASCII, space, tab may be sent")


def _excerpt(text: str) -> str:
    """`text` in quotes, cut to what fits in a message."""
    return ascii(text) if len(text) <= 60 else f"{text[:60]!a}..."


_UNSENDABLE: Final = re.compile(r"[^\t -~]")
_SENDABLE_BYTES: Final = bytes([byte for byte in range(128) if not _UNSENDABLE.match(chr(byte))])


# Lists of tokens

_TOKEN_PATTERN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TOKEN: Final = re.compile(_TOKEN_PATTERN)
_TOKEN_BYTES: Final = bytes([byte for byte in range(128) if _TOKEN.match(chr(byte))])
_PROTOCOL: Final = re.compile(rf"{_TOKEN_PATTERN}(?:/{_TOKEN_PATTERN})?")


def is_token(text: str) -> bool:
    """Whether `text` is a token (RFC 9110 section 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def parse_token_list(lines: Iterable[str], name: str = "header field") -> list[str]:
    """The tokens of a comma-separated list (RFC 9110 section 5.6.1).

    For Connection and Sec-WebSocket-Protocol. Tokens keep their case; empty elements
    are ignored, so that the list may turn out empty.

    `lines` are the values of all header lines of the field; `name` is for messages.

    Raises:
        MalformedHandshake: an element is not a token.
    """
    return _parse_list(lines, _TOKEN, name, "a token")


def parse_protocol_list(lines: Iterable[str], name: str = "Upgrade") -> list[str]:
    """The protocols, ``name`` or ``name/version``, of a list (RFC 9110 section 7.8).

    Like `parse_token_list`, and raises the same, for Upgrade.
    """
    return _parse_list(lines, _PROTOCOL, name, "a protocol")


def _parse_list(
    lines: Iterable[str], pattern: re.Pattern[str], name: str, element_name: str
) -> list[str]:
    elements: list[str] = []
    for line in lines:
        for padded in line.split(","):
            element = padded.strip(" \t")
            # RFC 9110 section 5.6.1.2: a recipient must ignore empty list elements.
            if not element:
                continue
            if pattern.fullmatch(element) is None:
                message = f"{name}: not {element_name}: {_excerpt(element)}"
                raise MalformedHandshake(message, section="RFC 9110 section 5.6.1")
            elements.append(element)
    return elements


# Lists of extensions

# Each is matched at one position, and no two repeats side by side can take the same
# characters: a match that fails has nothing to try again. A quoted string may end at the
# first quote: an escaped one would stand for a quote, which no token has.
_EXTENSION: Final = re.compile(rf"[ \t,]*(?:({_TOKEN_PATTERN})[ \t]*|\Z)")
_PARAMETER: Final = re.compile(
    rf";[ \t]*({_TOKEN_PATTERN})[ \t]*"
    rf'(=[ \t]*(?:(?:({_TOKEN_PATTERN})|"([^"]*)")[ \t]*)?)?'
)
_ESCAPE: Final = re.compile(r"\\(.)")
_TO_ESCAPE: Final = re.compile(r'(["\\])')


def parse_extension_list(
    lines: Iterable[str], name: str = "Sec-WebSocket-Extensions"
) -> tuple[ExtensionOffer, ...]:
    """The extensions that a header field offers or accepts (RFC 6455 section 9.1).

    Names keep their case; who compares them does so without it. A parameter
    without ``=`` has the value None. One with ``=`` and nothing behind it, or with an
    empty quoted string, has the value ``""``: no extension can mean that, so that its
    offer is declined, but the rest of the list still stands. Empty elements are ignored.

    `lines` are the values of all header lines of the field; `name` is for messages.

    Raises:
        MalformedHandshake: the grammar is broken, or a quoted string holds no token.
    """
    offers: list[ExtensionOffer] = []
    for line in lines:
        parse = _parse_short_extensions if len(line) <= _SHORT else _parse_extensions
        offers.extend(parse(line, name))
    return tuple(offers)


def _parse_extensions(line: str, name: str) -> tuple[ExtensionOffer, ...]:
    offers: list[ExtensionOffer] = []
    position = 0
    while extension := _EXTENSION.match(line, position):
        position = extension.end()
        if extension[1] is None:
            return tuple(offers)
        parameters: list[ExtensionParameter] = []
        while parameter := _PARAMETER.match(line, position):
            position = parameter.end()
            parameters.append((parameter[1], _parameter_value(parameter, name)))
        if not line.startswith(",", position) and position < len(line):
            break
        offers.append((ExtensionName(extension[1]), tuple(parameters)))
    raise _bad_extensions(name, line[position:])


# Nearly all peers send one of a few short lines. What is remembered of the others is
# bounded: no more than 32 lines, and none that is longer.
_SHORT: Final = 100
_parse_short_extensions: Final = lru_cache(maxsize=32)(_parse_extensions)


def _parameter_value(parameter: re.Match[str], name: str) -> str | None:
    _, assignment, token, quoted = parameter.groups()
    if assignment is None or token is not None:
        return token
    if not quoted:
        return ""
    value = _ESCAPE.sub(r"\1", quoted)
    # RFC 6455 section 9.1: the value after unescaping MUST conform to the token ABNF.
    if not is_token(value):
        raise _bad_extensions(name, quoted)
    return value


def _bad_extensions(name: str, near: str) -> MalformedHandshake:
    return MalformedHandshake(
        f"{name}: not a list of extensions, near {_excerpt(near)}",
        section="RFC 6455 section 9.1",
    )


def format_extension_list(extensions: Iterable[ExtensionOffer]) -> str:
    """The value of a Sec-WebSocket-Extensions header field (RFC 6455 section 9.1).

    Parameter values that are tokens go as they are, others as quoted strings.

    Raises:
        LocalProtocolError: a name is not a token, or a value cannot be sent.
    """
    elements: list[str] = []
    for name, parameters in extensions:
        elements.append("; ".join([_checked_name(name), *map(_format_parameter, parameters)]))
    return ", ".join(elements)


def _format_parameter(parameter: ExtensionParameter) -> str:
    name, value = parameter
    if value is None:
        return _checked_name(name)
    if not is_token(value):
        value = quote(value, f"the value of extension parameter {_excerpt(name)}")
    return f"{_checked_name(name)}={value}"


def _checked_name(name: str) -> str:
    if not is_token(name):
        raise LocalProtocolError(f"{_excerpt(name)} in a list of extensions is not a token")
    return name


def quote(text: str, what: str) -> str:
    """`text` as a quoted-string (RFC 9110 section 5.6.4); `what` it is, for messages.

    Raises:
        LocalProtocolError: it has more than visible ASCII, space and tab.
    """
    _check_sendable(text, what)
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"'


# Keys

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# 16 bytes fill 21 characters and 2 bits of the next one, whose other bits are zero.
_KEY: Final = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")


def generate_key(random_bytes: RandomBytes) -> str:
    """A new Sec-WebSocket-Key: 16 random bytes in base64 (RFC 6455 section 4.1).

    Raises:
        ValueError: `random_bytes` gave more or fewer bytes than it was asked for.
    """
    nonce = random_bytes(16)
    if len(nonce) != 16:
        raise ValueError(f"random_bytes(16) gave {len(nonce)} bytes")
    return b64encode(nonce).decode("ascii")


def is_key(value: str) -> bool:
    """Whether `value` is base64, in its canonical form, of exactly 16 bytes."""
    return _KEY.fullmatch(value) is not None


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept that answers `key` (RFC 6455 section 4.2.2)."""
    # SHA-1 protects nothing here: where it is barred from security it still works.
    digest = hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False)
    return b64encode(digest.digest()).decode("ascii")


# Origins and hosts

# RFC 3986 section 3.2.2, without IPvFuture and zone identifiers.
_NAME: Final = r"[A-Za-z0-9\-._~!$&'()*+,;=]"
_ESCAPED: Final = "%[0-9A-Fa-f]{2}"
_HOST: Final = re.compile(
    rf"(?:\[([0-9A-Fa-f:.]{{2,45}})\]|((?:{_NAME}|{_ESCAPED}){_NAME}*(?:{_ESCAPED}{_NAME}*)*))"
    r"(?::([0-9]{0,5}))?"
)
_ORIGIN: Final = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*)://(.+)")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def parse_host(value: str) -> tuple[str, int | None] | None:
    """The host and port of a Host header field (RFC 9110 section 7.2).

    The host is in lower case; an IPv6 address has no brackets. The port is None where
    it is left out or empty. Anything but a host name, an IPv4 address or an IPv6
    address in brackets, and a port up to 65535, gives None.
    """
    match = _HOST.fullmatch(value)
    if match is None:
        return None
    address, name, digits = match.groups()
    if address is not None:
        try:
            ipaddress.IPv6Address(address)
        except ipaddress.AddressValueError:
            return None
    port = int(digits) if digits else None
    if port is not None and port > 65535:
        return None
    return (address or name).lower(), port


def parse_origin(value: str) -> tuple[str, str, int | None] | None:
    """The scheme, host and port of an Origin header field (RFC 6454 section 7).

    Scheme and host are in lower case. A port that is left out is the default one for
    http, https, ws and wss, and None for other schemes. ``null``, a list of origins
    and anything that is not an origin give None.
    """
    match = _ORIGIN.fullmatch(value)
    if match is None:
        return None
    host_and_port = parse_host(match[2])
    if host_and_port is None:
        return None
    scheme = match[1].lower()
    host, port = host_and_port
    return scheme, host, _DEFAULT_PORTS.get(scheme) if port is None else port
