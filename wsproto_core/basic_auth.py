"""Basic authentication (RFC 7617): the values of its header fields, written and read.

Decides nothing, and knows nothing of connections. Nothing here shows a password in a
message, or tells by the time it takes where a guess was wrong.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from typing import Final

from .exceptions import LocalProtocolError
from .headers import quote

__all__ = [
    "build_basic_authorization",
    "build_basic_challenge",
    "check_basic_authorization",
    "parse_basic_authorization",
]

_BASIC: Final = re.compile(
    r"basic +((?:[a-z0-9+/]{4})*(?:[a-z0-9+/]{2}==|[a-z0-9+/]{3}=)?)",
    re.ASCII | re.IGNORECASE,
)
# Control characters, and surrogates, which have no UTF-8 form.
_NOT_IN_CREDENTIALS: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def build_basic_authorization(username: str, password: str) -> str:
    """The value of an Authorization header field, in UTF-8 (RFC 7617 section 2).

    Raises:
        LocalProtocolError: the user name has a colon, or either a control character.
    """
    if ":" in username:
        raise LocalProtocolError("the user name of Basic authentication must not have a colon")
    for what, text in (("user name", username), ("password", password)):
        if _NOT_IN_CREDENTIALS.search(text):
            raise LocalProtocolError(f"the {what} must not have control characters")
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")


def parse_basic_authorization(value: str | None) -> tuple[str, str] | None:
    """The user name and password of an Authorization header field (RFC 7617 section 2).

    Gives None when the field is absent, of another scheme or malformed: base64 that is
    not padded, bytes that are not UTF-8, no colon, or control characters.
    """
    credentials = _BASIC.fullmatch(value) if value is not None else None
    if credentials is None:
        return None
    try:
        text = b64decode(credentials[1]).decode("utf-8")
    except UnicodeDecodeError:
        return None
    username, colon, password = text.partition(":")
    if not colon or _NOT_IN_CREDENTIALS.search(text):
        return None
    return username, password


def check_basic_authorization(value: str | None, username: str, password: str) -> bool:
    """Whether an Authorization header field carries these credentials.

    How long the comparison takes does not tell which of the two is wrong, or where.

    Raises:
        TypeError: `username` or `password` is not `str`.
    """
    for text in (username, password):
        if not isinstance(text, str):
            raise TypeError(f"credentials must be str, not {type(text).__name__}")
    credentials = parse_basic_authorization(value)
    if credentials is None:
        return False
    same_username, same_password = (
        hmac.compare_digest(given.encode(), expected.encode("utf-8", "surrogatepass"))
        for given, expected in zip(credentials, (username, password), strict=True)
    )
    return same_username & same_password


def build_basic_challenge(realm: str) -> str:
    """The value of a WWW-Authenticate header field (RFC 7617 sections 2 and 2.1).

    It asks for UTF-8, the only charset there is and the one that is parsed.

    Raises:
        LocalProtocolError: the realm has more than visible ASCII, space and tab.
    """
    return f'Basic realm={quote(realm, "the realm")}, charset="UTF-8"'
