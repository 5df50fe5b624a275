"""Basic authentication: what is sent, what is read, and what is neither."""

from __future__ import annotations

import base64
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproto_core.basic_auth import (
    build_basic_authorization,
    build_basic_challenge,
    check_basic_authorization,
    parse_basic_authorization,
)
from wsproto_core.exceptions import LocalProtocolError
from wsproto_core.headers import Headers, check_fields

credentials = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x7f", min_codepoint=0x20)
)
CONTROLS = ["\0", "a\r\n", "\x1fa", "a\x7f", "\udc80"]


def test_authorization_is_the_one_of_rfc_7617_section_2() -> None:
    value = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert build_basic_authorization("Aladdin", "open sesame") == value
    assert parse_basic_authorization(value) == ("Aladdin", "open sesame")
    assert build_basic_authorization("test", "123\u00a3") == "Basic dGVzdDoxMjPCow=="


@given(credentials.filter(lambda text: ":" not in text), credentials)
def test_credentials_survive_being_sent(username: str, password: str) -> None:
    value = build_basic_authorization(username, password)
    check_fields(Headers([("Authorization", value)]))
    assert parse_basic_authorization(value) == (username, password)
    assert check_basic_authorization(value, username, password)
    assert not check_basic_authorization(value, username + "x", password)
    assert not check_basic_authorization(value, username, password + "x")


@pytest.mark.parametrize(
    ("username", "password", "complaint"),
    [("us:er", "secret", "the user name of Basic authentication must not have a colon")]
    + [(bad, "secret", "the user name must not have control characters") for bad in CONTROLS]
    + [("user", bad, "the password must not have control characters") for bad in CONTROLS],
)
def test_does_not_send_bad_credentials(username: str, password: str, complaint: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{complaint}$"):
        build_basic_authorization(username, password)


def _basic(credentials: bytes) -> str:
    return "Basic " + base64.b64encode(credentials).decode()


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Basic  "])
def test_scheme_is_in_any_case_and_the_first_colon_ends_the_user_name(scheme: str) -> None:
    assert parse_basic_authorization(f"{scheme} YTpiOmM=") == ("a", "b:c")
    assert parse_basic_authorization(f"{scheme} Og==") == ("", "")


BAD_AUTHORIZATIONS = [
    None, "", "Basic", "Basic ", "Basic:YTpi", "Bearer YTpi", "Ba\u017fic YTpi", "Basic YTpi YTpi",
    "Basic YTpi\n", "Basic\tYTpi", "BasicYTpi", "Basic YTpiYw", "Basic YTpiYw=", "Basic YTpi====",
    "Basic YTp==", "Basic =", "Basic Y=Tpi", "Basic Y", "Basic YT-_", "Basic é", "Basic YT\u017f_",
    _basic(b"no colon"), _basic(b"\xff:b"), _basic(b"a:\xc3"), _basic(b"a\n:b"), _basic(b"a:\x00"),
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_AUTHORIZATIONS)
def test_other_authorization_gives_no_credentials(value: str | None) -> None:
    assert parse_basic_authorization(value) is None
    assert check_basic_authorization(value, "", "") is False


def test_user_name_and_password_are_both_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compare_digest = Mock(return_value=False)
    monkeypatch.setattr("wsproto_core.basic_auth.hmac.compare_digest", compare_digest)
    assert not check_basic_authorization(_basic(b"a:b"), "x", "\udc80")
    compared = [call.args for call in compare_digest.call_args_list]
    assert compared == [(b"a", b"x"), (b"b", b"\xed\xb2\x80")]


def test_challenge_quotes_the_realm() -> None:
    challenge = r'Basic realm="the \"inner\" \\ room", charset="UTF-8"'
    assert build_basic_challenge('the "inner" \\ room') == challenge
    for realm in ("a\r\n", "é", "\0"):
        with pytest.raises(LocalProtocolError, match="the realm has"):
            build_basic_challenge(realm)


@pytest.mark.parametrize("value", [None, "", "Basic YTpi", "Bearer x"])
@pytest.mark.parametrize(("username", "password"), [(b"a", "b"), ("a", b"b"), (None, "b")])
def test_expected_credentials_that_are_not_str_are_a_type_error(
    value: str | None, username: Any, password: Any
) -> None:
    with pytest.raises(TypeError, match="credentials must be str"):
        check_basic_authorization(value, username, password)
