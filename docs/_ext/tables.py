"""The tables of the documentation, read from the code. Pure functions: rows out.

A row is a tuple of reStructuredText texts, the first row is the heading. Only what
the command line prints takes a process of its own.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields
from enum import Enum
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import Any

import wsproto_core
from wsproto_core import (
    CloseCode,
    HandshakeError,
    Limits,
    PerMessageDeflate,
    RemoteProtocolError,
    Role,
    Timeouts,
)
from wsproto_core.codes import SENDABLE_CLOSE_CODES
from wsproto_core.state import ROLE_ONLY, TRANSITIONS
from wsproto_core.timers import AWAITED, RULES, Timer

__all__ = ["TABLES", "attribute_docstrings", "command_output", "type_alias"]

Row = tuple[str, ...]


def attribute_docstrings(cls: type) -> dict[str, str]:
    """The string below each annotated or assigned name in the body of a class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = tree.body[0]
    assert isinstance(body, ast.ClassDef)
    return {name: text for name, _, text in _documented_names(body.body)}


def type_alias(name: str) -> tuple[str, str]:
    """What a public type alias stands for, as the source has it, and its docstring.

    Raises:
        KeyError: no module of the package defines and describes that name.
    """
    for module in ("types", "headers", "handshake"):
        source = Path(wsproto_core.__file__).with_name(f"{module}.py")  # compiled, it is there too
        for found, value, text in _documented_names(ast.parse(source.read_text("utf-8")).body):
            if found == name and value is not None:
                definition = ast.literal_eval(value) if _is_text(value) else ast.unparse(value)
                return definition, text
    raise KeyError(name)


def _documented_names(
    body: list[ast.stmt],
) -> Iterator[tuple[str, ast.expr | None, str]]:
    """The names, values and docstrings of assignments with a string below them."""
    for node, below in pairwise(body):
        match node, below:
            case (
                (
                    ast.AnnAssign(target=ast.Name(id=name), value=value)
                    | ast.Assign(targets=[ast.Name(id=name)], value=value)
                ),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                yield name, value, inspect.cleandoc(text)
            case _:
                pass


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def one_line(text: str) -> str:
    """A text as one paragraph."""
    return " ".join(text.split())


def show_size(value: object) -> str:
    """A number of bytes or things as people write it."""
    if isinstance(value, int) and value >= 1 << 10 and not value % (1 << 10):
        return f"{value >> 20} MiB" if not value % (1 << 20) else f"{value >> 10} KiB"
    return f"{value:,}" if isinstance(value, int) else str(value)


_COUNTS = frozenset({"max_fragments", "max_head_fields", "max_pending_pongs"})


def limits() -> list[Row]:
    """Each field of `Limits`, its default, and what its docstring says."""
    texts = attribute_docstrings(Limits)
    rows: list[Row] = [("Limit", "Default", "What it bounds, and why so")]
    for field in fields(Limits):
        default = f"{field.default:,}" if field.name in _COUNTS else show_size(field.default)
        rows.append((_attribute(Limits, field.name), default, one_line(texts[field.name])))
    return rows


def timeouts() -> list[Row]:
    """Each field of `Timeouts`, its default in seconds, and what its docstring says."""
    texts = attribute_docstrings(Timeouts)
    rows: list[Row] = [("Timeout", "Default", "How long it is, and why so")]
    for field in fields(Timeouts):
        default = f"{field.default:g} s"
        rows.append((_attribute(Timeouts, field.name), default, one_line(texts[field.name])))
    return rows


def timers() -> list[Row]:
    """Each timer: how long it runs, in which states it starts and on which sides."""
    rows: list[Row] = [("Timeout", "What is waited for", "It starts", "On which side")]
    for timer, rule in RULES.items():
        starts, sides = "with the keepalive ping", set(Role)
        for state, awaited in AWAITED.items():
            if timer in awaited.values():
                starts = f"in {_name(state)}"
                sides = {role for role in awaited if awaited[role] is timer}
        side = "both" if len(sides) == len(Role) else min(role.value for role in sides)
        rows.append((_attribute(Timeouts, rule.timeout), timer.value, starts, side))
    assert len(rows) == len(Timer) + 1
    return rows


def deflate_options() -> list[Row]:
    """Each option of `PerMessageDeflate`."""
    texts = attribute_docstrings(PerMessageDeflate)
    rows: list[Row] = [("Option", "Default", "Meaning")]
    for field in fields(PerMessageDeflate):
        assert field.default is not MISSING
        default = getattr(field.default, "__name__", None) or repr(field.default)
        text = one_line(texts[field.name])
        rows.append((_attribute(PerMessageDeflate, field.name), f"``{default}``", text))
    return rows


def errors() -> list[Row]:
    """Each error a peer can cause: the HTTP status or close code, and what it means."""
    rows: list[Row] = [("Error", "HTTP status", "Close code", "What it means")]
    for cls in _subclasses(RemoteProtocolError):
        status = code = "\u2013"
        if issubclass(cls, HandshakeError):
            status = f"{int(cls.status)} {HTTPStatus(cls.status).phrase}"
        else:
            code = str(int(cls.close_code))
        text = one_line((inspect.getdoc(cls) or "").partition("\n\n")[0])
        text = re.sub(r": \d{3,4}\.$", ".", text)  # the number has a column of its own
        rows.append((_class(cls), status, code, text))
    return rows


def close_codes() -> list[Row]:
    """Each registered close code, and whether it may be in a Close frame."""
    rows: list[Row] = [("Code", "Name", "In a Close frame")]
    rows += [
        (str(int(code)), f"``{code.name}``", "yes" if code in SENDABLE_CLOSE_CODES else "never")
        for code in CloseCode
    ]
    rows.append(("3000\u20133999", "registered by libraries and frameworks", "yes"))
    rows.append(("4000\u20134999", "free for applications", "yes"))
    return rows


def transitions() -> list[Row]:
    """The state table: what may happen in each state, and the state that follows."""
    rows: list[Row] = [("State", "What happens", "Side", "State after it")]
    for state, row in TRANSITIONS.items():
        for action, target in row.items():
            role = ROLE_ONLY.get(action)
            side = role.value if role else "both"
            rows.append((_name(state), action.value, side, _name(target)))
    return rows


TABLES = {
    "close-codes": close_codes,
    "deflate-options": deflate_options,
    "errors": errors,
    "limits": limits,
    "timeouts": timeouts,
    "timers": timers,
    "transitions": transitions,
}
"""What the directive ``generated-table`` takes as its argument."""


def command_output(arguments: str, text: str | None = None) -> str:
    """A terminal that ran ``python -m wsproto_core ARGUMENTS`` with `text` on stdin."""
    result = subprocess.run(  # noqa: S603 - the arguments are written in these pages
        [sys.executable, "-m", "wsproto_core", *shlex.split(arguments)],
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        cwd=Path(wsproto_core.__file__).parents[1],
        input=text or "",
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    if result.stderr:
        raise ValueError(f"{arguments}: {result.stderr}")
    before = "" if text is None else f"echo {text} | "
    return f"$ {before}python -m wsproto_core {arguments}\n{result.stdout}"


def _subclasses(cls: type[Any]) -> list[type[Any]]:
    """The public subclasses, each one behind its base."""
    found: list[type[Any]] = []
    for sub in cls.__subclasses__():
        if getattr(wsproto_core, sub.__name__, None) is sub:
            found += [sub, *_subclasses(sub)]
    return found


def _name(member: Enum) -> str:
    return f"``{member.name}``"


def _class(cls: type[Any]) -> str:
    return f":class:`~wsproto_core.{cls.__name__}`"


def _attribute(cls: type[Any], name: str) -> str:
    return f":attr:`~wsproto_core.{cls.__name__}.{name}`"
