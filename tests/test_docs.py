"""The documentation, as far as that needs no Sphinx: the code in it runs, what is generated
is complete, and what is linked exists. That it builds without warnings is CI's to check."""

from __future__ import annotations

import doctest
import inspect
import re
import runpy
from collections.abc import Callable, Iterator
from dataclasses import fields
from http import HTTPStatus
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest
from compat_api import without_wsproto

import wsproto_core
from wsproto_core import (
    CloseCode,
    ConnectionState,
    HandshakeError,
    Limits,
    PerMessageDeflate,
    RemoteProtocolError,
    Role,
)
from wsproto_core.codes import SENDABLE_CLOSE_CODES
from wsproto_core.state import ROLE_ONLY, TRANSITIONS, Action

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).with_suffix("").as_posix(): path for path in DOCS.rglob("*.rst")}
TEXTS = {name: path.read_text("utf-8") for name, path in sorted(PAGES.items())}
DIAGRAM = runpy.run_path(str(DOCS / "_ext" / "state_diagram.py"))
GENERATOR = runpy.run_path(str(DOCS / "_ext" / "tables.py"))
TABLES: dict[str, Callable[[], list[tuple[str, ...]]]] = GENERATOR["TABLES"]
SVG = "{http://www.w3.org/2000/svg}"

# Directives that show code or the output of code, and run or read what they show.
CHECKED_DIRECTIVES = {
    "autoattribute",
    "autoclass",
    "autodata",
    "autoexception",
    "autofunction",
    "benchmark-scaling",
    "benchmark-table",
    "command-output",
    "generated-table",
    "list-table",
    "literalinclude",
    "state-diagram",
    "toctree",
    "type-aliases",
}


class Directive(NamedTuple):
    page: str
    name: str
    argument: str
    options: dict[str, str]
    content: list[str]

    @property
    def folder(self) -> Path:
        return PAGES[self.page].parent


def directives(*names: str) -> list[Directive]:
    """The directives in all pages: those of these names, or all."""
    found: list[Directive] = []
    for page, text in TEXTS.items():
        for match in re.finditer(r"^\.\. ([\w-]+):: ?(.*)\n((?:(?:   .*)?\n)*)", text, re.M):
            if names and match[1] not in names:
                continue
            body = [line.strip() for line in match[3].splitlines() if line.strip()]
            options = dict(re.findall(r"^:([\w-]+): ?(.*)$", "\n".join(body), re.M))
            content = [line for line in body if not re.match(r":[\w-]+:", line)]
            found.append(Directive(page, match[1], match[2], options, content))
    return found


# Code


@pytest.mark.parametrize("page", [name for name, text in TEXTS.items() if ">>>" in text])
def test_the_code_in_a_page_gives_what_it_shows(page: str) -> None:
    with without_wsproto():  # which one of the pages takes the place of
        result = doctest.testfile(
            str(PAGES[page]),
            module_relative=False,
            encoding="utf-8",
        )
    assert result.attempted > 0
    assert result.failed == 0


def test_no_page_has_code_that_is_not_run() -> None:
    assert {directive.name for directive in directives()} <= CHECKED_DIRECTIVES
    for page, text in TEXTS.items():
        for block in re.findall(r"(?<!::)::\n\n((?:    .*\n|\n)+)", text):
            lines = block.split("\n")
            # To install something is no business of a test.
            assert all(line.strip().startswith("python -m pip ") for line in lines if line), page


def test_the_readme_has_the_echo_server_in_twenty_lines() -> None:
    code = (DOCS / "examples" / "echo_server.py").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"```python\n{code}```\n" in readme
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


@pytest.mark.parametrize("included", directives("literalinclude"), ids=lambda each: each.argument)
def test_what_a_page_includes_is_there(included: Directive) -> None:
    text = (included.folder / included.argument).read_text("utf-8")
    options = included.options
    assert options.get("start-at", "") in text
    for name in options.get("pyobject", "").split("."):
        assert not name or re.search(rf"^ *(class|def) {name}\b", text, re.M)


def test_every_example_is_in_a_page() -> None:
    included = {(each.folder / each.argument).resolve() for each in directives("literalinclude")}
    assert included == set((DOCS / "examples").glob("*.*"))


@pytest.mark.parametrize("command", directives("command-output"), ids=lambda each: each.argument)
def test_the_commands_that_pages_show_print_something(command: Directive) -> None:
    shown = GENERATOR["command_output"](command.argument, command.options.get("input"))
    first, rest = shown.split("\n", 1)
    assert first.endswith(f"python -m wsproto_core {command.argument}")
    assert rest


def test_a_command_that_complains_is_not_shown() -> None:
    with pytest.raises(ValueError, match="usage"):
        GENERATOR["command_output"]("no-such-command")


# Links


def test_links_between_pages_lead_somewhere() -> None:
    labels = {
        label for text in TEXTS.values() for label in re.findall(r"^\.\. _([\w-]+):$", text, re.M)
    }
    links = 0
    for page, text in TEXTS.items():
        for target in re.findall(r":doc:`([^`<]+)`", text):
            assert (PAGES[page].parent / f"{target}.rst").resolve() in PAGES.values(), (
                page,
                target,
            )
            links += 1
        for label in re.findall(r":ref:`([^`<]+)`", text):
            assert label in labels, (page, label)
            links += 1
    assert links > 10


def test_every_page_is_in_the_table_of_contents_once() -> None:
    listed = [name for each in directives("toctree") for name in each.content]
    assert sorted(listed) == sorted(PAGES.keys() - {"index"})


def test_the_reference_has_every_public_name_once() -> None:
    named = [
        directive.argument.removeprefix("wsproto_core.")
        for directive in directives("autoclass", "autodata", "autoexception", "autofunction")
        if directive.page.startswith("reference/")
    ]
    named += [name for directive in directives("type-aliases") for name in directive.content]
    assert sorted(named) == sorted(wsproto_core.__all__)


def test_public_names_in_the_text_exist() -> None:
    role = re.compile(r":(?:class|meth|attr|exc|func):`(?:[^`<]*<)?~?wsproto_core\.([\w.]+)>?`")
    names = {name for text in TEXTS.values() for name in role.findall(text)}
    assert len(names) > 30
    for name in names:
        first, *rest = name.split(".")
        value = getattr(wsproto_core, first)
        for attribute in rest:
            known = [each for cls in value.__mro__ for each in inspect.get_annotations(cls)]
            assert attribute in known or hasattr(value, attribute), name


# Tables


def columns(table: str, *numbers: int) -> list[tuple[str, ...]]:
    """Some columns of a table, without its heading and without markup."""
    plain = [
        [re.sub(r":\w+:`~wsproto_core\.(?:\w+\.)?(\w+)`|``", r"\1", cell) for cell in row]
        for row in TABLES[table]()
    ]
    assert len({len(row) for row in plain}) == 1
    return [tuple(row[number] for number in numbers) for row in plain[1:]]


def test_tables_that_pages_ask_for_are_all_the_tables_there_are() -> None:
    assert {each.argument for each in directives("generated-table")} == set(TABLES)
    assert all(cell for table in TABLES.values() for row in table() for cell in row)


def test_the_table_of_limits_has_each_limit_its_default_and_its_reason() -> None:
    assert columns("limits", 0, 1) == [
        ("max_message_size", "1 MiB"),
        ("max_frame_size", "None"),
        ("max_fragments", "16,384"),
        ("max_head_size", "64 KiB"),
        ("max_head_line", "8 KiB"),
        ("max_head_fields", "128"),
        ("max_early_data", "64 KiB"),
        ("max_reject_body", "1 MiB"),
        ("max_pending_pongs", "16"),
    ]
    assert [name for (name,) in columns("limits", 0)] == [field.name for field in fields(Limits)]
    assert TABLES["limits"]()[1][2].startswith("A message after decompression; ")


def test_the_table_of_timeouts_has_each_timeout_and_its_default() -> None:
    assert columns("timeouts", 0, 1) == [
        ("opening", "10 s"),
        ("closing", "10 s"),
        ("ping", "20 s"),
        ("pong", "20 s"),
        ("eof", "10 s"),
    ]


def test_the_table_of_timers_says_when_each_one_starts_and_where() -> None:
    assert columns("timers", 0, 2, 3) == [
        ("opening", "in CONNECTING", "both"),
        ("closing", "in REJECTING", "client"),
        ("ping", "in OPEN", "both"),
        ("pong", "with the keepalive ping", "both"),
        ("closing", "in LOCAL_CLOSING", "both"),
        ("eof", "in CLOSED", "both"),
    ]


def test_the_table_of_deflate_options_has_each_option_and_its_default() -> None:
    defaults = PerMessageDeflate()
    shown = {row[0]: row[1] for row in columns("deflate-options", 0, 1)}
    assert shown.pop("zlib") == "zlib"
    assert shown == {
        field.name: repr(getattr(defaults, field.name))
        for field in fields(PerMessageDeflate)
        if field.name != "zlib"
    }


def remote_errors() -> Iterator[type[RemoteProtocolError]]:
    for name in wsproto_core.__all__:
        value = getattr(wsproto_core, name)
        if inspect.isclass(value) and issubclass(value, RemoteProtocolError):
            yield value


def test_the_table_of_errors_has_each_error_and_what_it_comes_to() -> None:
    expected = {
        cls.__name__: (f"{cls.status:d} {HTTPStatus(cls.status).phrase}", "\u2013")
        if issubclass(cls, HandshakeError)
        else ("\u2013", f"{cls.close_code:d}")
        for cls in remote_errors()
        if cls is not RemoteProtocolError
    }
    rows = columns("errors", 0, 1, 2)
    assert len(rows) == len(expected)
    assert {name: (status, code) for name, status, code in rows} == expected


def test_the_table_of_close_codes_has_each_registered_one() -> None:
    rows = columns("close-codes", 0, 1, 2)
    registered = [(f"{code:d}", code.name) for code in CloseCode]
    assert [row[:2] for row in rows[: len(registered)]] == registered
    for code, (_, _, travels) in zip(CloseCode, rows, strict=False):
        assert (travels == "yes") == (code in SENDABLE_CLOSE_CODES)
    assert [row[2] for row in rows[len(registered) :]] == ["yes", "yes"]
    assert set(range(3000, 5000)) <= SENDABLE_CLOSE_CODES


def test_the_table_of_transitions_is_the_state_table() -> None:
    assert columns("transitions", 0, 1, 2, 3) == [
        (
            state.name,
            action.value,
            ROLE_ONLY[action].value if action in ROLE_ONLY else "both",
            target.name,
        )
        for state, row in TRANSITIONS.items()
        for action, target in row.items()
    ]


def test_type_aliases_are_shown_as_they_are_written() -> None:
    definition, text = GENERATOR["type_alias"]("ExtensionParameter")
    assert definition == "tuple[str, str | None]"
    assert text == "One parameter of an extension: its name, and its value or None."
    with pytest.raises(KeyError):
        GENERATOR["type_alias"]("NoSuchAlias")


def test_only_strings_below_an_assignment_are_attribute_docstrings() -> None:
    assert GENERATOR["attribute_docstrings"](ConnectionState)["OPEN"] == "Messages go both ways."
    assert GENERATOR["attribute_docstrings"](CloseCode) == {}


# The picture of the states


@pytest.fixture(scope="module")
def picture() -> ET.Element:
    return ET.fromstring(DIAGRAM["draw"]())


def test_the_picture_has_every_transition_of_the_table_and_no_other(
    picture: ET.Element,
) -> None:
    drawn = [
        (text.get("data-from"), text.get("data-action"), text.get("data-to"))
        for text in picture.iter(f"{SVG}text")
        if text.get("data-action")
    ]
    table = [
        (state.name, action.name, target.name)
        for state, row in TRANSITIONS.items()
        for action, target in row.items()
    ]
    assert sorted(drawn) == sorted(table)


def test_the_picture_has_one_arrow_for_each_pair_of_states(picture: ET.Element) -> None:
    drawn = [
        (path.get("data-from"), path.get("data-to"))
        for path in picture.iter(f"{SVG}path")
        if path.get("data-from")
    ]
    pairs = {
        (state.name, target.name) for state, row in TRANSITIONS.items() for target in row.values()
    }
    assert sorted(drawn) == sorted(pairs)
    # Nothing is placed that the table does not have.
    assert {(state.name, target.name) for state, target in DIAGRAM["ROUTES"]} == pairs


def test_the_picture_has_one_box_for_each_state(picture: ET.Element) -> None:
    boxes = [group for group in picture.iter(f"{SVG}g") if group.get("class") == "state"]
    assert sorted(box.get("data-state", "") for box in boxes) == sorted(ConnectionState.__members__)
    assert all(box.get("data-state") == box.findtext(f"{SVG}text") for box in boxes)


def test_the_picture_marks_what_only_one_side_can_do(picture: ET.Element) -> None:
    for text in picture.iter(f"{SVG}text"):
        name = text.get("data-action")
        if name is None:
            continue
        action = Action[name]
        role = ROLE_ONLY.get(action)
        assert "".join(text.itertext()) == action.value + (f" ({role.value})" if role else "")


def test_words_in_the_picture_stand_beside_each_other_and_beside_the_boxes(
    picture: ET.Element,
) -> None:
    width, height = DIAGRAM["WIDTH"], DIAGRAM["HEIGHT"]
    areas: list[tuple[float, float, float, float]] = []
    for rect in picture.iter(f"{SVG}rect"):
        x, y = float(rect.get("x", "")), float(rect.get("y", ""))
        areas.append((x, y, x + float(rect.get("width", "")), y + float(rect.get("height", ""))))
    for text in picture.iter(f"{SVG}text"):
        if text.get("data-action") is None:
            continue
        x, y = float(text.get("x", "")), float(text.get("y", ""))
        size = 6.9 * len("".join(text.itertext()))  # at 14 pixels, more than most fonts take
        left = x - {"start": 0, "middle": size / 2, "end": size}[text.get("text-anchor", "")]
        areas.append((left, y - 11, left + size, y + 3))
    for left, top, right, bottom in areas:
        assert min(left, top) >= 0
        assert right <= width
        assert bottom <= height
    for one, other in combinations(areas, 2):
        assert one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]


def test_a_state_without_a_place_in_the_picture_is_an_error() -> None:
    table: dict[Any, Any] = {
        **TRANSITIONS,
        ConnectionState.CLOSED: {Action.LOSE: ConnectionState.OPEN},
    }
    with pytest.raises(KeyError):
        DIAGRAM["draw"](table, ROLE_ONLY)


def test_a_role_that_is_none_of_the_table_is_not_in_the_picture() -> None:
    drawn = DIAGRAM["draw"](
        {
            ConnectionState.CONNECTING: {Action.SEND_ACCEPT: ConnectionState.OPEN},
            ConnectionState.OPEN: {},
        },
        {},
    )
    assert Role.SERVER.value not in drawn.replace("states of a connection", "")
