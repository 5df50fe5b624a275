"""What a valid opening handshake is (RFC 6455 section 4), on header lists.

Decides what a request or response says and whether it may be accepted, whatever
carried it. Knows nothing of how HTTP is written or read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .events import AcceptConnection, Request
from .exceptions import (
    HandshakeError,
    HostNotAllowed,
    LocalProtocolError,
    MalformedHandshake,
    MethodNotAllowed,
    NegotiationError,
    OriginNotAllowed,
    UnsupportedVersion,
)
from .extensions.base import Extension, shared_rsv_bits
from .headers import (
    Headers,
    accept_key,
    as_headers,
    check_fields,
    check_received_fields,
    format_extension_list,
    is_key,
    is_token,
    parse_extension_list,
    parse_host,
    parse_origin,
    parse_protocol_list,
    parse_token_list,
    values_by_name,
)
from .types import ExtensionOffer, ExtensionParameter, Origin, Subprotocol

__all__ = [
    "Offer",
    "SubprotocolSelector",
    "check_host",
    "check_origin",
    "check_response",
    "check_subprotocols",
    "negotiate_extensions",
    "parse_request",
    "request_headers",
    "response_headers",
]

WEBSOCKET_VERSION: Final = "13"

SubprotocolSelector = Callable[[Request], "str | None"]
"""Given a request, chooses one of its subprotocols, or None."""

_OPENING: Final = "RFC 6455 section 4.1"
_READING: Final = "RFC 6455 section 4.2.1"

_ABSOLUTE_FORM: Final = re.compile(r"(?:https?|wss?)://([^/?#]+)([^#]*)", re.IGNORECASE | re.ASCII)

_TARGET: Final = re.compile(r"[!-~]*")

_OURS: Final = frozenset(
    {
        "connection",
        "content-length",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "transfer-encoding",
        "upgrade",
    }
)
"""Header fields that belong to the handshake itself: no caller may add them."""

_UPGRADE: Final = (("Upgrade", "websocket"), ("Connection", "Upgrade"))

_Values = Mapping[str, Sequence[str]]
"""The values of header fields, by their names in lower case."""


def _only(fields: _Values, name: str) -> str | None:
    """The value of a field that may come once at most."""
    values = fields.get(name.lower(), ())
    if len(values) > 1:
        raise MalformedHandshake(f"{name} is there {len(values)} times", section=_READING)
    return values[0] if values else None


def _check_upgrade(fields: _Values) -> None:
    """Both messages name the protocol in Upgrade, and Upgrade in Connection."""
    _check_named(fields, "Upgrade", "websocket", parse_protocol_list)
    _check_named(fields, "Connection", "Upgrade", parse_token_list)


def _check_named(
    fields: _Values, name: str, wanted: str, parse: Callable[[Iterable[str], str], list[str]]
) -> None:
    lines = fields.get(name.lower(), ())
    if lines == [wanted]:
        return  # as nearly everybody writes it
    if wanted.lower() not in [element.lower() for element in parse(lines, name)]:
        raise MalformedHandshake(f"{name} does not name {wanted}", section=_READING)


def _check_no_body(fields: _Values) -> None:
    # Bytes behind the head are frames. Whoever reads the length would not see them so,
    # and a proxy that does could be made to forward another request in them.
    for name in ("Content-Length", "Transfer-Encoding"):
        if name.lower() in fields:
            raise MalformedHandshake(f"{name} in a WebSocket handshake", section=_READING)


# The server's side


def parse_request(
    method: str, target: str, headers: Headers, authority: str | None = None
) -> Request:
    """Read a client's opening request: a GET, or with `authority` an extended CONNECT.

    Raises:
        HandshakeError: it is not one; its ``status`` is the answer.
    """
    if authority is None and method != "GET":
        raise MethodNotAllowed(f"method {method[:20]!a} instead of GET", section=_OPENING)
    check_received_fields(headers)
    fields = values_by_name(headers)
    if authority is None:
        authority, target = _resource(fields, target)
        _check_upgrade(fields)
        _check_no_body(fields)
        _check_version(fields)
        _check_key(fields)
    else:
        _check_no_key(fields)
        _check_no_body(fields)
        _check_stream_version(fields)
    origin = _only(fields, "Origin")
    return Request(
        authority,
        target,
        headers,
        parse_subprotocols(fields.get("sec-websocket-protocol", ())),
        parse_extension_list(fields.get("sec-websocket-extensions", ())),
        None if origin is None else Origin(origin),
    )


def _check_version(fields: _Values) -> None:
    version = _only(fields, "Sec-WebSocket-Version")
    if version is None:
        raise MalformedHandshake("Sec-WebSocket-Version is missing", section=_READING)
    if version != WEBSOCKET_VERSION:
        raise UnsupportedVersion(
            f"Sec-WebSocket-Version {version[:20]} instead of {WEBSOCKET_VERSION}",
            section="RFC 6455 section 4.4",
        )


def _check_stream_version(fields: _Values) -> None:
    try:
        _check_version(fields)
    except UnsupportedVersion as error:
        # RFC 9110 section 15.5.22 demands Upgrade in a 426, RFC 9113 section 8.2.2 forbids it.
        error.status = HandshakeError.status
        error.headers = (("Sec-WebSocket-Version", WEBSOCKET_VERSION),)
        raise


def _check_key(fields: _Values) -> None:
    key = _only(fields, "Sec-WebSocket-Key")
    if key is None or not is_key(key):
        raise MalformedHandshake(
            "Sec-WebSocket-Key is missing or not base64 of 16 bytes", section=_READING
        )


def _check_no_key(fields: _Values) -> None:
    # Whoever sends it speaks HTTP/1.1, and waits for an answer to it that will not come.
    for name in ("Sec-WebSocket-Key", "Sec-WebSocket-Accept"):
        if name.lower() in fields:
            raise MalformedHandshake(f"{name} on a stream", section="RFC 8441 section 5")


def _resource(fields: _Values, target: str) -> tuple[str, str]:
    """The host and the path that a request asks for.

    A target that is a whole URI goes before the Host field (RFC 9112 section 3.2.2).
    """
    host = _only(fields, "Host")
    if host is None or parse_host(host) is None:
        raise MalformedHandshake("Host is missing or malformed", section=_READING)
    if _TARGET.fullmatch(target) is None:
        raise MalformedHandshake(
            "the target has more than visible ASCII", section="RFC 9112 section 3.2"
        )
    if not target.startswith("/"):
        uri = _ABSOLUTE_FORM.fullmatch(target)
        if uri is None or parse_host(uri[1]) is None:
            raise MalformedHandshake(
                "the target is neither a path nor a URI", section="RFC 9112 section 3.2"
            )
        host, target = uri[1], uri[2] if uri[2].startswith("/") else "/" + uri[2]
    if "#" in target:
        raise MalformedHandshake("a fragment in the target", section="RFC 9112 section 3.2")
    return host, target


def parse_subprotocols(lines: Sequence[str]) -> tuple[Subprotocol, ...]:
    """The subprotocols of Sec-WebSocket-Protocol fields (RFC 6455 section 11.3.4)."""
    if not lines:
        return ()
    names = parse_token_list(lines, "Sec-WebSocket-Protocol")
    if len(set(names)) != len(names):
        raise MalformedHandshake("a subprotocol is offered twice", section=_OPENING)
    return tuple([Subprotocol(name) for name in names])


def check_origin(request: Request, origins: Iterable[str], allow_missing: bool) -> None:
    """Refuse a request whose Origin is not one of `origins` (RFC 6455 section 10.2).

    Scheme, host and port must be the same. ``*`` allows all, ``https://*.example.com``
    every name below example.com.

    Raises:
        OriginNotAllowed: it is not.
    """
    origin = request.origin
    if origin is None:
        if not allow_missing:
            raise OriginNotAllowed("Origin is missing", section="RFC 6455 section 10.2")
        return
    if not any(_origin_matches(origin, allowed) for allowed in origins):
        raise OriginNotAllowed(
            f"Origin {origin[:100]!r} is not allowed", section="RFC 6455 section 10.2"
        )


def _origin_matches(origin: str, allowed: str) -> bool:
    if allowed in ("*", origin):
        return True
    asked = parse_origin(origin)
    scheme, wildcard, domain = allowed.partition("://*.")
    if not wildcard:
        return asked is not None and asked == parse_origin(allowed)
    parent = parse_origin(f"{scheme}://{domain}")
    return (
        asked is not None
        and parent is not None
        and (asked[0], asked[2]) == (parent[0], parent[2])
        and asked[1].endswith("." + parent[1])
    )


def check_host(request: Request, hosts: Iterable[str]) -> None:
    """Refuse a request whose Host is not one of `hosts`; one without port allows any port.

    Raises:
        HostNotAllowed: it is not.
    """
    asked = parse_host(request.host)
    for allowed in map(parse_host, hosts):
        if asked and allowed and asked[0] == allowed[0] and allowed[1] in (None, asked[1]):
            return
    raise HostNotAllowed(
        f"Host {request.host[:100]!r} is not served here", section="RFC 9110 section 7.4"
    )


def as_names(names: Iterable[str], what: str) -> tuple[str, ...]:
    """`names` as a tuple.

    Raises:
        TypeError: it is one string, and would be taken for its characters, or has
            something that is not a string.
    """
    if isinstance(names, str):
        raise TypeError(f"{what} must be a list of strings, not a string")
    found = tuple(names)
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"{what} must be strings, not {type(name).__name__}")
    return found


def check_origins(origins: Iterable[str]) -> tuple[str, ...]:
    """The origins of a configuration, checked.

    Raises:
        ValueError: one is not an origin, and would match nothing.
    """
    found = as_names(origins, "origins")
    for origin in found:
        plain = origin.replace("://*.", "://", 1)
        known = origin in ("*", "null", "file://")  # what browsers send that has no host
        if not known and ("*" in plain or parse_origin(plain) is None):
            raise ValueError(f"{origin[:60]!r} is not an origin: write scheme://host[:port]")
    return found


def check_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """The hosts of a configuration, checked.

    Raises:
        ValueError: one is not a host, and would match nothing.
    """
    found = as_names(hosts, "hosts")
    for host in found:
        if parse_host(host) is None or "*" in host:
            raise ValueError(f"{host[:60]!r} is not a host: write host or host:port")
    return found


def check_subprotocols(subprotocols: Iterable[str]) -> tuple[Subprotocol, ...]:
    """The names of a configuration, checked.

    Raises:
        LocalProtocolError: one is not a token, or is there twice.
    """
    names = as_names(subprotocols, "subprotocols")
    for name in names:
        if not is_token(name):
            raise LocalProtocolError(f"subprotocol {name[:60]!r} is not a token")
    if len(set(names)) != len(names):
        raise LocalProtocolError("a subprotocol is named twice")
    return tuple(map(Subprotocol, names))


def negotiate_extensions(
    offers: Iterable[ExtensionOffer], available: Sequence[Extension]
) -> tuple[tuple[Extension, ...], tuple[ExtensionOffer, ...]]:
    """Choose among a client's offers: the extensions agreed on, and how the response says so.

    The client's order decides. An offer is declined whose extension is agreed already,
    or needs an RSV bit that is taken (RFC 6455 section 9.1).
    """
    agreed: dict[str, Extension] = {}
    response: list[ExtensionOffer] = []
    for name, parameters in map(_fold, offers):
        for extension in available:
            if extension.name.lower() != name or name in agreed:
                continue
            if agreed and shared_rsv_bits([*agreed.values(), extension]):
                continue
            agreement = extension.accept(parameters)
            if agreement is not None:
                agreed[name] = agreement.extension
                response.append((extension.name, agreement.parameters))
    return tuple(agreed.values()), tuple(response)


def _fold(offer: ExtensionOffer) -> tuple[str, tuple[ExtensionParameter, ...]]:
    """`offer` with its names in lower case: some peers write them otherwise."""
    name, parameters = offer
    return name.lower(), tuple([(key.lower(), value) for key, value in parameters])


def response_headers(
    request: Request,
    subprotocol: str | None,
    extensions: Sequence[ExtensionOffer],
    extra: Headers,
) -> Headers:
    """The header fields of the answer that accepts `request` (RFC 6455 section 4.2.2).

    Raises:
        LocalProtocolError: `extra` has what cannot be sent, or `subprotocol` was not asked for.
    """
    if subprotocol is not None and subprotocol not in request.subprotocols:
        raise LocalProtocolError(
            f"subprotocol {subprotocol[:60]!r} is not one that the client speaks: "
            "choose one of Request.subprotocols, or None"
        )
    check_extra(extra)
    fields: list[tuple[str, str]] = []
    for key in request.headers.get_all("Sec-WebSocket-Key"):  # none in an extended CONNECT
        fields += _UPGRADE
        fields.append(("Sec-WebSocket-Accept", accept_key(key)))
    if subprotocol is not None:
        fields.append(("Sec-WebSocket-Protocol", subprotocol))
    if extensions:
        fields.append(("Sec-WebSocket-Extensions", format_extension_list(extensions)))
    return as_headers((*fields, *extra))


def check_extra(headers: Headers, reserved: frozenset[str] = _OURS) -> None:
    """Refuse additional header fields that cannot be sent, or are the handshake's own.

    Raises:
        LocalProtocolError: there is one.
    """
    check_fields(headers)
    for name, _ in headers:
        if name.lower() in reserved:
            raise LocalProtocolError(f"{name} is the handshake's own: it cannot be added")


# The client's side


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client asked for, to hold the response against."""

    key: str | None
    """None in an extended CONNECT (RFC 8441 section 5)."""
    subprotocols: tuple[Subprotocol, ...]
    extensions: tuple[Extension, ...]


def request_headers(host: str, offer: Offer, origin: str | None, extra: Headers) -> Headers:
    """The header fields of a client's request (RFC 6455 section 4.1).

    Raises:
        LocalProtocolError: one of them cannot be sent.
    """
    fields: list[tuple[str, str]] = []
    if offer.key is not None:
        fields += [("Host", host), *_UPGRADE, ("Sec-WebSocket-Key", offer.key)]
    fields.append(("Sec-WebSocket-Version", WEBSOCKET_VERSION))
    if origin is not None:
        fields.append(("Origin", origin))
    if offer.subprotocols:
        fields.append(("Sec-WebSocket-Protocol", ", ".join(offer.subprotocols)))
    offers = [(each.name, parameters) for each in offer.extensions for parameters in each.offer()]
    if offers:
        fields.append(("Sec-WebSocket-Extensions", format_extension_list(offers)))
    check_extra(extra)
    if parse_host(host) is None:
        raise LocalProtocolError(f"host {host[:60]!r} is not one")
    headers = Headers([*fields, *extra])
    check_fields(headers)
    for name in ("Authorization", "Host", "Origin", "User-Agent"):
        if len(headers.get_all(name)) > 1:
            raise LocalProtocolError(f"{name} is given twice: leave it out of the extra ones")
    return headers


def check_response(headers: Headers, offer: Offer) -> AcceptConnection:
    """Check an accepting response against what was offered (RFC 6455 section 4.1).

    Raises:
        HandshakeError: it is not a valid answer.
    """
    fields = values_by_name(headers)
    if offer.key is not None:
        _check_upgrade(fields)
        _check_no_body(fields)
        if _only(fields, "Sec-WebSocket-Accept") != accept_key(offer.key):
            raise MalformedHandshake(
                "Sec-WebSocket-Accept is missing or does not answer the key", section=_OPENING
            )
    subprotocol = _only(fields, "Sec-WebSocket-Protocol")
    if subprotocol is not None and subprotocol not in offer.subprotocols:
        raise NegotiationError(
            f"subprotocol {subprotocol[:60]!r} was not offered", section=_OPENING
        )
    answers = parse_extension_list(fields.get("sec-websocket-extensions", ()))
    agreed: list[Extension] = []
    for name, parameters in map(_fold, answers):
        agreed.append(_confirm(name, parameters, offer))
        if [extension.name.lower() for extension in agreed].count(name) > 1 or shared_rsv_bits(
            agreed
        ):
            raise NegotiationError(
                f"extension {name[:60]!r} does not fit beside the others",
                section="RFC 6455 section 9.1",
            )
    return AcceptConnection(subprotocol, tuple(agreed), headers)


def _confirm(name: str, parameters: Sequence[tuple[str, str | None]], offer: Offer) -> Extension:
    refusal = NegotiationError(f"extension {name[:60]!r} was not offered", section=_OPENING)
    for extension in offer.extensions:
        if extension.name.lower() == name:
            try:
                return extension.confirm(parameters)
            except NegotiationError as error:
                refusal = error  # another one of that name may have offered just this
    raise refusal
