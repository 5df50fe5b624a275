"""What a recorded handshake agreed on, as far as it was captured.

Judges a response against a request that somebody else made, or against none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..events import AcceptConnection, Request
from ..exceptions import HandshakeError, NegotiationError
from ..extensions.base import Extension
from ..extensions.permessage_deflate import PerMessageDeflate
from ..handshake import Offer, check_response
from ..headers import Headers, accept_key, parse_extension_list
from ..types import ExtensionParameter, Subprotocol

__all__ = ["agreed_extensions", "check_answer", "widest_offer", "without"]

_KEY: Final = "AAAAAAAAAAAAAAAAAAAAAA=="


def agreed_extensions(text: str) -> tuple[Extension, ...]:
    """Read a Sec-WebSocket-Extensions field as a server's response.

    Raises:
        HandshakeError: it is malformed, or names what only a custom extension can decode.
    """
    return tuple([_known(name, values) for name, values in parse_extension_list([text])])


def _known(name: str, parameters: Iterable[ExtensionParameter]) -> Extension:
    if name != PerMessageDeflate.name:
        raise NegotiationError(f"extension {name!a} is not known here")
    return PerMessageDeflate().confirm(tuple(parameters))


def widest_offer(request: Request) -> tuple[Extension, ...]:
    """The first permessage-deflate offer that a server can accept, in its widest sense.

    A decoder with the largest window and a context decodes any smaller one.
    """
    for name, parameters in request.extensions:
        agreement = PerMessageDeflate().accept(parameters)
        if name == PerMessageDeflate.name and agreement is not None:
            return (PerMessageDeflate(),)
    return ()


def without(headers: Headers, dropped: str) -> Headers:
    """The header fields but for those of one name."""
    return Headers([(name, value) for name, value in headers if name.lower() != dropped.lower()])


def check_answer(headers: Headers, request: Request | None) -> AcceptConnection:
    """Check a 101 against the request, as far as that is known.

    Raises:
        HandshakeError: it is not a valid answer.
    """
    if request is None:
        # Whatever it says was asked for. That leaves its form.
        if "Sec-WebSocket-Accept" in headers:
            accept = ("Sec-WebSocket-Accept", accept_key(_KEY))
            headers = Headers([*without(headers, accept[0]), accept])
        names = tuple([Subprotocol(name) for name in headers.get_all("Sec-WebSocket-Protocol")])
        return check_response(headers, Offer(_KEY, names, (PerMessageDeflate(),)))
    key = request.headers["Sec-WebSocket-Key"]
    refusal: HandshakeError | None = None
    for parameters in _deflate_offers(request):
        offer = Offer(key, request.subprotocols, (_as_configured(parameters),))
        try:
            accepted = check_response(headers, offer)
            _check_limit(headers, parameters)
        except NegotiationError as error:
            refusal = error
        else:
            return accepted
    if refusal is not None:
        raise refusal
    return check_response(headers, Offer(key, request.subprotocols, ()))


_Parameters = dict[str, "str | None"]


def _deflate_offers(request: Request) -> list[_Parameters]:
    return [
        dict(parameters)
        for name, parameters in request.extensions
        if name == PerMessageDeflate.name and PerMessageDeflate().accept(parameters) is not None
    ]


def _as_configured(offered: _Parameters) -> PerMessageDeflate:
    """The configuration of a client that offers this."""
    return PerMessageDeflate(
        server_no_context_takeover="server_no_context_takeover" in offered,
        server_max_window_bits=int(offered.get("server_max_window_bits") or 15),
        client_max_window_bits=int(offered.get("client_max_window_bits") or 15),
    )


def _check_limit(headers: Headers, offered: _Parameters) -> None:
    answers = parse_extension_list(headers.get_all("Sec-WebSocket-Extensions"))
    for name, _ in [each for _, parameters in answers for each in parameters]:
        if name == "client_max_window_bits" and name not in offered:
            raise NegotiationError(
                "permessage-deflate: client_max_window_bits was not offered",
                section="RFC 7692 section 7.1.2.2",
            )
