"""Header fields: lists of them, their grammar, keys, origins and hosts."""

from __future__ import annotations

import base64
import copy
import itertools
import pickle
from typing import Any

import pytest
from expect import measure
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproto_core.exceptions import LocalProtocolError, MalformedHandshake
from wsproto_core.headers import (
    Headers,
    accept_key,
    as_headers,
    check_fields,
    check_received_fields,
    format_extension_list,
    generate_key,
    is_key,
    is_token,
    parse_extension_list,
    parse_host,
    parse_origin,
    parse_protocol_list,
    parse_token_list,
    values_by_name,
)
from wsproto_core.types import ExtensionName, ExtensionOffer

TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MEBIBYTE = 1 << 20
SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="

tokens = st.text(TOKEN_CHARACTERS, min_size=1, max_size=12)
field_lists = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=6)


def test_keeps_fields_in_order_with_the_case_of_their_names() -> None:
    fields = [("Host", "a"), ("x-One", "1"), ("HOST", "b")]
    headers = Headers(fields)
    assert list(headers) == fields
    assert len(headers) == 3
    assert headers[1] == ("x-One", "1")
    assert headers[-1] == ("HOST", "b")
    assert headers[1:] == Headers([("x-One", "1"), ("HOST", "b")])


ACCEPTED: list[Any] = [
    [("A", "1"), ("B", "2")], (("A", "1"), ("B", "2")), iter([("A", "1"), ("B", "2")]),
    {"A": "1", "B": "2"}, [(b"A", b"1"), (b"B", "2")], [["A", "1"], ["B", b"2"]],
    Headers([("A", "1"), ("B", "2")]), Headers([("A", "1")]) + Headers() + [(b"B", b"2")],
]  # fmt: skip


@pytest.mark.parametrize("fields", ACCEPTED)
def test_takes_pairs_mappings_and_headers(fields: Any) -> None:
    assert list(Headers(fields)) == [("A", "1"), ("B", "2")]


def test_decodes_every_byte() -> None:
    every_byte = bytes(range(256))
    assert Headers([(b"X", every_byte)])["X"].encode("latin-1") == every_byte


def test_pairs_of_text_are_taken_as_they_are() -> None:
    fields = (("A", "1"), ("b", "2"))
    assert as_headers(fields) == Headers(fields)
    assert list(as_headers(fields)) == list(fields)


def test_values_are_found_by_name_in_any_letter_case() -> None:
    headers = Headers([("Via", "1"), ("host", "a"), ("VIA", "2, 3")])
    assert values_by_name(headers) == {"via": ["1", "2, 3"], "host": ["a"]}
    assert values_by_name(Headers()) == {}


REFUSED: list[Any] = [
    None, 1, "ab", b"ab", ["ab"], [1], [("a",)], [("a", "b", "c")], [("a", 1)], [(None, "b")],
    [("Authorization", bytearray(b"secret"))], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("fields", REFUSED)
def test_refuses_what_is_not_a_list_of_pairs_of_text(fields: Any) -> None:
    with pytest.raises(TypeError) as caught:
        Headers(fields)
    assert "secret" not in str(caught.value)


def test_lookup_ignores_case_and_joins_lines() -> None:
    headers = Headers([("Via", "a"), ("Host", "h"), ("VIA", "b, c")])
    assert headers["via"] == "a, b, c"
    assert headers.get("vIa") == "a, b, c"
    assert headers.get_all("via") == ("a", "b, c")
    assert Headers([("\u0130D", "1")])["\u0130d"] == "1"  # has more letters in lower case


def test_lookup_of_an_absent_name() -> None:
    headers = Headers([("Host", "")])
    assert headers.get("Host", "default") == ""
    assert headers.get("Origin") is None
    assert headers.get("Origin", 7) == 7
    assert headers.get_all("Origin") == ()
    with pytest.raises(KeyError, match="Origin"):
        headers["Origin"]
    with pytest.raises(IndexError):
        headers[1]


def test_membership_of_names_and_pairs() -> None:
    headers = Headers([("Host", "a"), ("Host", "b")])
    assert "hOST" in headers
    assert "Origin" not in headers
    assert ("host", "b") in headers
    assert ("Host", "a, b") not in headers
    assert ("Host",) not in headers
    assert ("host", b"b") not in headers
    assert 1 not in headers


def test_addition_makes_new_headers() -> None:
    headers = Headers([("A", "1")])
    longer = headers + [(b"B", b"2")] + {"C": "3"} + Headers([("A", "4")])
    assert list(longer) == [("A", "1"), ("B", "2"), ("C", "3"), ("A", "4")]
    assert list(headers) == [("A", "1")]


def test_comparison_ignores_the_case_of_names_only() -> None:
    headers = Headers([("Host", "a"), ("X", "b")])
    same = Headers([("HOST", "a"), ("x", "b")])
    assert headers == same
    assert hash(headers) == hash(same)
    assert headers != Headers([("Host", "A"), ("X", "b")])
    assert headers != Headers([("X", "b"), ("Host", "a")])
    assert headers != [("Host", "a"), ("X", "b")]


@settings(max_examples=30)
@given(field_lists)
def test_repr_pickle_and_copy_give_the_same_fields(fields: list[tuple[str, str]]) -> None:
    headers = Headers(fields)
    assert list(eval(repr(headers), {"Headers": Headers})) == fields
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert list(pickle.loads(pickle.dumps(headers, protocol))) == fields
    assert list(copy.deepcopy(headers)) == fields
    assert repr(Headers({"Host": "a"})) == "Headers([('Host', 'a')])"


def test_cannot_be_changed() -> None:
    headers: Any = Headers([("Host", "a")])
    with pytest.raises(TypeError):
        headers[0] = ("Host", "b")
    with pytest.raises(TypeError):
        del headers["Host"]
    with pytest.raises(AttributeError):
        headers.extra = 1


def test_sends_visible_ascii_spaces_and_tabs() -> None:
    visible = "".join(map(chr, range(0x21, 0x7F)))
    fields = Headers([(TOKEN_CHARACTERS, visible), ("X", "a \t b"), ("Y", ""), ("Z", "z")])
    check_fields(fields)
    assert len(fields) == 4


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:", ":path", "a\r\n", "a\0", "é", "a\n", "(", "\t"]
)
def test_does_not_send_a_name_that_is_no_token(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="is not a token"):
        check_fields(Headers([("Host", "a"), (name, "b")]))


@pytest.mark.parametrize(
    "code", [*range(0x09), *range(0x0A, 0x20), 0x7F, 0x80, 0xFF, 0x20AC, 0xD800]
)
def test_does_not_send_a_value_with_a_control_or_a_byte_over_127(code: int) -> None:
    for value in (chr(code), f"a{chr(code)}b", f"ab{chr(code)}"):
        with pytest.raises(LocalProtocolError, match=r"'X-Field' has .* at index"):
            check_fields(Headers([("X-Field", value)]))


def test_receives_visible_ascii_spaces_and_tabs() -> None:
    visible = "".join(map(chr, range(0x21, 0x7F)))
    for value in (visible, "a \t b", "", " ", "a "):
        check_received_fields(Headers([(TOKEN_CHARACTERS, "a"), ("X", value)]))
    check_received_fields(Headers())


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:", ":path", "a\r\n", "a\0", "é", "a\n", "(", "\t", "\udc80"]
)
def test_does_not_receive_a_name_that_is_no_token(name: str) -> None:
    for fields in ([(name, "b")], [("Host", "a"), (name, "b")], [(name, "b"), ("Host", "a")]):
        with pytest.raises(MalformedHandshake, match="is not a token") as caught:
            check_received_fields(Headers(fields))
        assert caught.value.section == "RFC 9110 section 5.1"
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "code", [*range(0x09), *range(0x0A, 0x20), 0x7F, 0x80, 0xFF, 0x20AC, 0xD800]
)
def test_does_not_receive_a_value_with_a_control_or_a_byte_over_127(code: int) -> None:
    for value in (chr(code), f"a{chr(code)}b", f"a\t{chr(code)}"):
        with pytest.raises(MalformedHandshake, match=r"^X-Field has more than") as caught:
            check_received_fields(Headers([("Host", "a"), ("X-Field", value)]))
        assert caught.value.section == "RFC 9110 section 5.5"


@pytest.mark.parametrize("value", [" ", "\t", " a", "a ", "\ta", "a\t"])
def test_does_not_send_a_value_with_whitespace_at_an_end(value: str) -> None:
    with pytest.raises(LocalProtocolError, match="'X-Field' starts or ends with whitespace"):
        check_fields(Headers([("X-Field", value)]))


def test_errors_stay_short_and_show_no_value() -> None:
    with pytest.raises(LocalProtocolError) as of_name:
        check_fields(Headers([("\U0001f600" * MEBIBYTE, "")]))
    with pytest.raises(LocalProtocolError) as of_value:
        check_fields(Headers([("Authorization", "secret" * MEBIBYTE + "\n")]))
    with pytest.raises(MalformedHandshake) as of_list:
        parse_token_list(["@" * MEBIBYTE])
    for caught in (of_name, of_value, of_list):
        assert len(str(caught.value)) < 800
        assert str(caught.value).isascii()
    assert "secret" not in str(of_value.value)


def test_tokens_are_what_the_grammar_says() -> None:
    assert [chr(code) for code in range(0x180) if is_token(chr(code))] == sorted(TOKEN_CHARACTERS)
    assert is_token(TOKEN_CHARACTERS)
    assert not is_token("")
    assert not is_token("a\n")


TOKEN_LISTS: list[tuple[list[str], list[str]]] = [
    ([], []), ([""], []), ([" \t, ,,"], []), (["Upgrade"], ["Upgrade"]),
    (["keep-alive, Upgrade"], ["keep-alive", "Upgrade"]),
    (["keep-alive", "UPGRADE"], ["keep-alive", "UPGRADE"]),
    ([",a ,\tb\t, ,c,", "", "a"], ["a", "b", "c", "a"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), TOKEN_LISTS)
def test_list_of_tokens(lines: list[str], expected: list[str]) -> None:
    assert parse_token_list(lines) == expected


@pytest.mark.parametrize(
    "line", ["a b", "a;b", '"a"', "a, é", "a/b", "a\n", "\xa0a", "a,\x0bb", "a\0", "a=b"]
)
def test_list_with_an_element_that_is_no_token(line: str) -> None:
    with pytest.raises(MalformedHandshake, match="Connection: not a token") as caught:
        parse_token_list(["a", line], "Connection")
    assert caught.value.section == "RFC 9110 section 5.6.1"


def test_list_of_protocols() -> None:
    lines = ["WebSocket", "h2c, HTTP/2.0,, a/b"]
    assert parse_protocol_list(lines) == ["WebSocket", "h2c", "HTTP/2.0", "a/b"]


@pytest.mark.parametrize("line", ["/", "a/", "/a", "a/b/c", "a /b", "a/ b", "a b"])
def test_list_with_an_element_that_is_no_protocol(line: str) -> None:
    with pytest.raises(MalformedHandshake, match="Upgrade: not a protocol"):
        parse_protocol_list([line])


@given(st.lists(tokens), st.sampled_from([",", ", ", " ,\t", ",,", " , ,"]))
def test_tokens_survive_being_joined(elements: list[str], separator: str) -> None:
    assert parse_token_list([separator.join(elements)]) == elements
    assert parse_token_list(elements) == elements


EXTENSION_LISTS: dict[str, list[tuple[str, list[tuple[str, str | None]]]]] = {
    "": [], " ,\t,": [], "foo": [("foo", [])], "\t foo ": [("foo", [])],
    "foo,bar": [("foo", []), ("bar", [])], ",foo , , bar,": [("foo", []), ("bar", [])],
    "foo; a": [("foo", [("a", None)])], "Foo; A=B": [("Foo", [("A", "B")])],
    "foo;a=1;b": [("foo", [("a", "1"), ("b", None)])],
    "foo ; a = 1 ;\tb\t, bar": [("foo", [("a", "1"), ("b", None)]), ("bar", [])],
    "foo; a; a=1; a": [("foo", [("a", None), ("a", "1"), ("a", None)])],
    'foo; a="10"': [("foo", [("a", "10")])], r'foo; a="\1\0"': [("foo", [("a", "10")])],
    'foo; a = "10" , bar': [("foo", [("a", "10")]), ("bar", [])],
    "foo; a=": [("foo", [("a", "")])], "foo; a= ; b": [("foo", [("a", ""), ("b", None)])],
    "foo; a=,bar": [("foo", [("a", "")]), ("bar", [])],
    'foo; a="", bar': [("foo", [("a", "")]), ("bar", [])],
}  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), EXTENSION_LISTS.items())
def test_list_of_extensions(line: str, expected: list[tuple[str, list[Any]]]) -> None:
    offers = tuple((name, tuple(parameters)) for name, parameters in expected)
    assert parse_extension_list([line]) == offers
    assert parse_extension_list(["", line, "last; z"]) == (*offers, ("last", (("z", None),)))


BROKEN_EXTENSION_LISTS = [
    ";", "foo;", "foo; ,bar", "foo;;a", "; a", "foo bar", "foo; a b", "foo; a=1 2", "foo; =1",
    "foo=1", "foo; a==1", "foo; a=b=c", "foo/1", "foo; a=[1]",
    '"foo"', 'foo; "a"', 'foo; a="', 'foo; a="1', 'foo; a="1\\"', 'foo; a="1"2', 'foo; a="1""2"',
    'foo; a=1"2"', 'foo; a="b,c"', 'foo; a="b;c"', 'foo; a="b c"', r'foo; a="\""',
    r'foo; a="b\\c"', r'foo; a="b\,c"',
    "é", "foo; a=é", 'foo; a="é"', 'foo; a="\n"', 'foo; a="\\\n"', "foo\n", "foo; a\n", "foo;\x0ba",
]  # fmt: skip


@pytest.mark.parametrize("line", BROKEN_EXTENSION_LISTS)
def test_list_that_breaks_the_grammar_of_extensions(line: str) -> None:
    for lines in ([line], ["bar", line], [f"bar, {line}"], [line, '1"']):
        with pytest.raises(MalformedHandshake, match="not a list of extensions") as caught:
            parse_extension_list(lines, name="Sec-WebSocket-Extensions")
        assert caught.value.section == "RFC 6455 section 9.1"


HUGE_BROKEN_EXTENSION_LISTS = [
    'x; a="' + r"\c" * (MEBIBYTE // 2), 'x; a="' + "c" * MEBIBYTE, 'x; a="' + "\\" * MEBIBYTE,
    'x; a="' + '"' * MEBIBYTE, "x; a=" + "b" * MEBIBYTE + "@", "x; a=" + " " * MEBIBYTE + "@",
    "x; a" + " " * MEBIBYTE + "@", "x;" + " " * MEBIBYTE, "x" + " " * MEBIBYTE + "y",
    " " * MEBIBYTE + "@", "," * MEBIBYTE + "@", ", " * (MEBIBYTE // 2) + "@",
    "x" * MEBIBYTE + "@", "x" + ";a" * (MEBIBYTE // 8) + ";", "x," * (MEBIBYTE // 8) + "@",
]  # fmt: skip


@pytest.mark.parametrize("line", HUGE_BROKEN_EXTENSION_LISTS, ids=lambda line: repr(line[:8]))
def test_a_mebibyte_of_broken_extensions_is_refused(line: str) -> None:
    with pytest.raises(MalformedHandshake):
        parse_extension_list([line])


def test_a_mebibyte_of_whitespace_or_escapes_is_parsed() -> None:
    blanks = " " * MEBIBYTE
    offer = f"x{blanks};{blanks}a{blanks}={blanks}1{blanks}"
    assert parse_extension_list([blanks, offer]) == (("x", (("a", "1"),)),)
    escapes = r"\c" * (MEBIBYTE // 8)
    assert parse_extension_list([f'x; a="{escapes}"']) == (("x", (("a", "c" * (MEBIBYTE // 8)),)),)


@pytest.mark.parametrize("size", [60, 6000])
def test_little_is_remembered_of_extension_lists(size: int) -> None:
    numbers = itertools.count()

    def parse_many() -> None:
        for number in itertools.islice(numbers, 500):
            value = f"{number}".rjust(size, "x")
            assert parse_extension_list([f"a; b={value}"]) == (("a", (("b", value),)),)

    parse_many()
    kept, _ = measure(parse_many)
    assert kept < 32 << 10


extension_offers: st.SearchStrategy[ExtensionOffer] = st.tuples(
    tokens.map(ExtensionName),
    st.lists(st.tuples(tokens, st.none() | st.just("") | tokens), max_size=4).map(tuple),
)


@given(st.lists(extension_offers, max_size=4))
def test_extensions_survive_being_formatted(offers: list[ExtensionOffer]) -> None:
    assert parse_extension_list([format_extension_list(offers)]) == tuple(offers)
    assert parse_extension_list([format_extension_list([each]) for each in offers]) == tuple(offers)


@given(st.text('ab=;," \t\\@', max_size=30))
def test_any_text_is_a_list_of_extensions_or_malformed(line: str) -> None:
    try:
        offers = parse_extension_list([line])
    except MalformedHandshake:
        return
    assert parse_extension_list([format_extension_list(offers)]) == offers


def test_formats_parameters_bare_or_quoted() -> None:
    foo, bar = ExtensionName("foo"), ExtensionName("bar")
    parameters = (("a", None), ("b", "1"), ("c", ""), ("d", 'x, "y"\\;'))
    assert (
        format_extension_list([(foo, parameters), (bar, ())])
        == r'foo; a; b=1; c=""; d="x, \"y\"\\;", bar'
    )
    assert format_extension_list([]) == ""


UNSENDABLE_EXTENSIONS: list[tuple[str, tuple[tuple[str, str | None], ...], str]] = [
    ("", (), "'' in a list of extensions is not a token"), ("foo,bar", (), "is not a token"),
    ("foo", (("a b", None),), "'a b' in a list"), ("foo", (("a=", "1"),), "is not a token"),
    ("foo", (("a", "\r\n"),), "the value of extension parameter 'a' has"),
    ("foo", (("a", "é"),), "the value of extension parameter 'a' has"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "complaint"), UNSENDABLE_EXTENSIONS)
def test_does_not_format_what_cannot_be_sent(name: str, parameters: Any, complaint: str) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        format_extension_list([(ExtensionName(name), parameters)])


def test_key_is_sixteen_random_bytes_in_base64() -> None:
    assert generate_key(lambda size: b"the sample nonce, and more"[:size]) == SAMPLE_KEY


@pytest.mark.parametrize("size", [0, 15, 17])
def test_key_needs_as_many_random_bytes_as_asked_for(size: int) -> None:
    with pytest.raises(ValueError, match=rf"random_bytes\(16\) gave {size} bytes"):
        generate_key(lambda _: bytes(size))


@given(st.binary(max_size=20))
def test_only_base64_of_sixteen_bytes_is_a_key(nonce: bytes) -> None:
    assert is_key(base64.b64encode(nonce).decode()) == (len(nonce) == 16)


def test_only_the_canonical_form_is_a_key() -> None:
    last = {chr(code) for code in range(128) if is_key("A" * 21 + chr(code) + "==")}
    assert last == set("AQgw")
    first = "".join(
        sorted(chr(code) for code in range(0x180) if is_key(chr(code) + SAMPLE_KEY[1:]))
    )
    assert first == "+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for wrong in ("", SAMPLE_KEY[:-2], f"{SAMPLE_KEY}\n", f" {SAMPLE_KEY}", f"{SAMPLE_KEY}, a"):
        assert not is_key(wrong)


def test_accept_key_is_the_one_of_rfc_6455_section_1_3() -> None:
    assert accept_key(SAMPLE_KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert len(accept_key("\xff")) == 28


HOSTS = {
    "example.com": ("example.com", None), "EXAMPLE.com:80": ("example.com", 80),
    "a:": ("a", None), "a:0": ("a", 0), "a:00080": ("a", 80), "a:65535": ("a", 65535),
    "127.0.0.1:1": ("127.0.0.1", 1), "[::1]": ("::1", None), "[FE80::A]:443": ("fe80::a", 443),
    "[::ffff:1.2.3.4]": ("::ffff:1.2.3.4", None), "a%2Fb": ("a%2fb", None), "a.": ("a.", None),
    "a_b.c-d~!$&'()*+,;=": ("a_b.c-d~!$&'()*+,;=", None), "%41b%4Fc": ("%41b%4fc", None),
}  # fmt: skip

BAD_HOSTS = [
    "", ":", ":80", "a:65536", "a:99999", "a:000080", "a:-1", "a:+1", "a: 1", "a:1 ", "a:b",
    "a:1:2", "a:\u0661", "a b", " a", "a ", "a\n", "a\t", "a\0", "é", "u@a", "u:p@a", "a/", "a/b",
    "a?b", "a#b", "a, b", "a\\b", "<a>", "a%", "a%2", "a%zz", "::1", "[]", "[::1", "::1]", "[::1]a",
    "a[::1]", "[a]", "[:::]", "[1:2]", "[127.0.0.1]", "[::1%25eth0]", "[v1.a]", "[::1]:a",
    "[[::1]]", "[" + ":" * MEBIBYTE, "a" * MEBIBYTE + "@", "%41" * (MEBIBYTE // 8) + "%",
    "a%41" * (MEBIBYTE // 8) + "%", "%41b%", "%41b%zzc",
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), HOSTS.items())
def test_host_and_port(value: str, expected: tuple[str, int | None]) -> None:
    assert parse_host(value) == expected
    assert parse_origin(f"app://{value}") == ("app", *expected)


@pytest.mark.parametrize("value", BAD_HOSTS, ids=lambda value: repr(value[:12]))
def test_what_is_no_host_is_no_origin_either(value: str) -> None:
    assert parse_host(value) is None
    assert parse_origin(f"https://{value}") is None


ORIGINS: dict[str, tuple[str, str, int | None] | None] = {
    "http://a.example": ("http", "a.example", 80), "HTTPS://A.Example": ("https", "a.example", 443),
    "https://a:443": ("https", "a", 443), "https://a:8443": ("https", "a", 8443),
    "ws://[::1]": ("ws", "::1", 80), "wss://a:": ("wss", "a", 443),
    "chrome-extension://abc": ("chrome-extension", "abc", None),
    "": None, "null": None, "*": None, "a": None, "a.com": None, "://a": None, "1a://a": None,
    "http:/a": None, "http:a": None, "http//a": None, "http://": None, " http://a": None,
    "http://a http://b": None, "http://a, http://b": None, "http://http://a": None,
    "\u017f://a": None,
}  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), ORIGINS.items())
def test_origin(value: str, expected: tuple[str, str, int | None] | None) -> None:
    assert parse_origin(value) == expected
