"""wsproto's extension objects: settings of the engine's extension behind wsproto's methods.

Offers and answers are strings here, as wsproto has them. What they mean is decided by
the engine, and so is all that happens to a frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from ..exceptions import HandshakeError, MalformedHandshake
from ..extensions.permessage_deflate import PerMessageDeflate as Settings
from ..handshake import negotiate_extensions
from ..headers import format_extension_list, parse_extension_list
from .events import RejectConnection, RemoteProtocolError

__all__ = [
    "SUPPORTED_EXTENSIONS",
    "Extension",
    "PerMessageDeflate",
    "client_extensions_handshake",
    "server_extensions_handshake",
]


class Extension(ABC):
    """Base of wsproto's extensions. One of your own negotiates; frames pass it by."""

    name: str

    def enabled(self) -> bool:
        """Whether it was agreed on."""
        return False

    @abstractmethod
    def offer(self) -> bool | str:
        """What a client offers, behind the name."""

    def accept(self, offer: str) -> bool | str | None:
        """As a server, answer `offer`; None or False declines it."""
        return None

    def finalize(self, offer: str) -> None:  # noqa: B027
        """As a client, take note of the server's answer."""


class _Setting:
    """An attribute that reads what was agreed, or else configured; setting it configures."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, extension: PerMessageDeflate, owner: type) -> int:
        value: int | None = getattr(extension.agreed or extension.settings, self._name)
        return 15 if value is None else value

    def __set__(self, extension: PerMessageDeflate, value: int) -> None:
        change: dict[str, Any] = {self._name: value}
        extension.settings = replace(extension.settings, **change)


class PerMessageDeflate(Extension):
    """permessage-deflate (RFC 7692). One object may serve any number of connections.

    Raises:
        ValueError: a window is not of 8 to 15 bits.
    """

    name = "permessage-deflate"
    settings: Settings
    """What was configured, as the engine has it."""
    agreed: Settings | None
    """What was agreed on last."""

    def __init__(
        self,
        client_no_context_takeover: bool = False,
        client_max_window_bits: int | None = None,
        server_no_context_takeover: bool = False,
        server_max_window_bits: int | None = None,
    ) -> None:
        self.settings = Settings(
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        )
        self.agreed = None

    client_no_context_takeover = _Setting()
    client_max_window_bits = _Setting()
    server_no_context_takeover = _Setting()
    server_max_window_bits = _Setting()

    def enabled(self) -> bool:
        """Whether it was agreed on."""
        return self.agreed is not None

    def offer(self) -> str:
        """What a client offers, behind the name."""
        return _parameters([(self.settings.name, each) for each in self.settings.offer()])

    def accept(self, offer: str) -> str | None:
        """As a server, answer `offer`; None declines it."""
        try:
            offers = parse_extension_list([offer])
        except MalformedHandshake:
            return None
        agreed, answers = negotiate_extensions(offers, [self.settings])
        if not agreed:
            return None
        note_agreed([self], agreed)
        return _parameters(answers)

    def finalize(self, offer: str) -> None:
        """As a client, take note of the server's answer.

        Raises:
            RemoteProtocolError: it is not one that was offered.
        """
        try:
            answers = parse_extension_list([offer.lower()])
            self.agreed = self.settings.confirm(answers[0][1] if answers else ())
        except HandshakeError as error:
            raise RemoteProtocolError(str(error), RejectConnection()) from None

    def __repr__(self) -> str:
        shown = [f"client_max_window_bits={self.client_max_window_bits}"]
        if self.client_no_context_takeover:
            shown.append("client_no_context_takeover")
        shown.append(f"server_max_window_bits={self.server_max_window_bits}")
        if self.server_no_context_takeover:
            shown.append("server_no_context_takeover")
        return f"<{type(self).__name__} {'; '.join(shown)}>"


SUPPORTED_EXTENSIONS: Final = {PerMessageDeflate.name: PerMessageDeflate}
"""The extensions there are, by name."""


def _parameters(extensions: Iterable[Any]) -> str:
    """What an extension list says behind the first name."""
    return format_extension_list(extensions).partition("; ")[2]


def offered_settings(extensions: Iterable[object]) -> list[Settings]:
    """What may be agreed on, as the engine has it.

    Raises:
        TypeError: an extension is not `PerMessageDeflate`: no frame would pass through it.
    """
    return [each.settings for each in map(_check, extensions)]


def agreed_settings(extensions: Iterable[Extension]) -> list[Settings]:
    """What was agreed on, as the engine has it; the rest of `extensions` is not in use.

    Raises:
        TypeError: as for `offered_settings`.
    """
    enabled = [_check(extension) for extension in extensions if extension.enabled()]
    return [each.agreed or each.settings for each in enabled]


def _check(extension: object) -> PerMessageDeflate:
    if not isinstance(extension, PerMessageDeflate):
        raise TypeError(
            f"of wsproto's extensions only PerMessageDeflate works here, not {extension!r:.60}: "
            "yours can be one of wsproto_core.Connection"
        )
    return extension


def note_agreed(extensions: Sequence[Any], agreed: Iterable[object]) -> list[Extension]:
    """Tell `extensions` what was agreed on; gives those that were.

    At most one was: they all have the same name.
    """
    found: list[Extension] = []
    for extension, settings in zip(extensions, agreed, strict=False):
        extension.agreed = settings
        found.append(extension)
    return found


def server_extensions_handshake(
    requested: Iterable[str], supported: Sequence[Extension]
) -> bytes | None:
    """Answer the offers in `requested`: a Sec-WebSocket-Extensions value, or None for none.

    The client's order decides, and of each extension the first offer that it accepts.
    """
    answers: dict[str, str] = {}
    for offer in requested:
        name = _name(offer)
        for extension in supported:
            if extension.name == name and name not in answers:
                answer = extension.accept(offer)
                if answer is not None and answer is not False:
                    said = isinstance(answer, str) and answer
                    answers[name] = f"{name}; {said}" if said else name
    return ", ".join(answers.values()).encode("ascii") or None


def client_extensions_handshake(
    accepted: Iterable[str], supported: Sequence[Extension]
) -> list[Extension]:
    """Take note of the server's answers; gives the extensions that it agreed to.

    Raises:
        RemoteProtocolError: it agrees to what is not in `supported`.
    """
    agreed: list[Extension] = []
    for answer in accepted:
        extension = next((each for each in supported if each.name == _name(answer)), None)
        if extension is None:
            raise RemoteProtocolError(f"unrecognized extension {_name(answer)}", RejectConnection())
        extension.finalize(answer)
        agreed.append(extension)
    return agreed


def _name(offer: str) -> str:
    return offer.partition(";")[0].strip().lower()
