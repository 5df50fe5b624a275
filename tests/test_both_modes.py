"""Compiled or not: whatever happens to a connection, nobody can tell which it was."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from typing import Any

import modes
import pytest
from effort import EXHAUSTIVE, examples
from hypothesis import given
from hypothesis import strategies as st
from plans import (
    HOSTILE,
    LIMITS,
    answers,
    arriving,
    changed,
    feeding,
    frames,
    options,
    timed_steps,
    user_steps,
)
from streams import SCENARIOS
from twins import (
    TWINS,
    Given,
    OwnText,
    Plan,
    compare,
    compare_with_pickles,
    describe,
)
from wire import (
    BINARY,
    CONTINUATION,
    DEFLATE_FIELD,
    FIN,
    PING,
    PONG,
    REQUEST,
    RESPONSE,
    ROLES,
    RSV1,
    TEXT,
    cut,
    fixed_random,
    frame_to,
    length_bytes,
    request,
    response,
)

from wsproto_core import Role


def test_the_twins_are_of_the_modes_that_they_are_taken_for(pytestconfig: pytest.Config) -> None:
    compiled = pytestconfig.option.mode == "compiled"
    assert [twin.package.COMPILED for twin in TWINS] == [compiled, False]
    assert TWINS[0].package.Connection is not TWINS[1].package.Connection


STREAMS = sorted({scenario.stream for scenario in SCENARIOS})
DEFLATE = [("deflate", {})]
TAKE_ALL = ("take", 0, None)
OPENINGS = {
    "client": [RESPONSE, response(DEFLATE_FIELD)],
    "server": [REQUEST, request(DEFLATE_FIELD, "Sec-WebSocket-Extensions: x-shift; step=1")],
    "from_request": [b""],
}


# Conversations that other tests have


@pytest.mark.parametrize("delivery", ["message", "chunk"])
@pytest.mark.parametrize("size", [None, 1, 3] if EXHAUSTIVE else [None, 3])
def test_scenarios(size: int | None, delivery: str) -> None:
    for number, scenario in enumerate(SCENARIOS):
        seen = []
        for twin in TWINS:
            _, make, stream, end = twin.streams.SCENARIOS[number]
            user = twin.streams.User(make(delivery=delivery))
            ws = user.connection
            for piece in cut(stream, size):
                user.take(ws.receive_data(piece))
            if end is not None:
                user.take(getattr(ws, end)())
            state = [describe(each) for each in (ws.state, ws.error, ws.close_code, ws.request)]
            seen.append((describe(user.heard), state, ws.pending_bytes, ws.data_to_send()))
        assert seen[0] == seen[1], scenario.name


# Conversations that Hypothesis makes up


@examples(300)
@given(drawn=st.data(), role=st.sampled_from(ROLES), options=options, answers=answers)
def test_frames_to_an_open_connection(
    drawn: st.DataObject, role: Role, options: dict[str, Any], answers: str
) -> None:
    compressed = any(name == "deflate" for name, _ in options["extensions"])
    streams = st.lists(frames(role, compressed), min_size=1, max_size=6).map(b"".join)
    steps = drawn.draw(st.lists(feeding(streams) | feeding(streams) | user_steps, max_size=8))
    compare_with_pickles(Plan("open", role.value, options, answers, steps))


@examples(200)
@given(
    drawn=st.data(),
    kind=st.sampled_from(["open", "client", "server", "from_request"]),
    role=st.sampled_from(ROLES),
    options=options,
    answers=answers | st.just("reject"),
)
def test_changed_streams(
    drawn: st.DataObject, kind: str, role: Role, options: dict[str, Any], answers: str
) -> None:
    known = st.sampled_from(STREAMS)
    if kind != "open":
        role = Role.CLIENT if kind == "client" else Role.SERVER
        frames_too = st.lists(frames(role, True), max_size=3).map(b"".join)
        known |= st.builds(bytes.__add__, st.sampled_from(OPENINGS[kind]), changed(frames_too))
    steps = drawn.draw(st.lists(feeding(changed(known) | known) | user_steps, max_size=8))
    compare_with_pickles(Plan(kind, role.value, options, answers, steps))


@examples(150)
@given(
    role=st.sampled_from(ROLES),
    options=options,
    steps=st.lists(user_steps, min_size=3, max_size=20),
)
def test_what_a_user_does(role: Role, options: dict[str, Any], steps: list[Any]) -> None:
    compare_with_pickles(Plan("open", role.value, options, "none", steps))


@examples(200)
@given(
    drawn=st.data(),
    kind=st.sampled_from(["open", "client", "server", "from_request"]),
    role=st.sampled_from(ROLES),
    options=options,
    answers=answers | st.just("reject"),
)
def test_time(
    drawn: st.DataObject, kind: str, role: Role, options: dict[str, Any], answers: str
) -> None:
    if kind != "open":
        role = Role.CLIENT if kind == "client" else Role.SERVER
    opening = [("feed", drawn.draw(st.sampled_from(OPENINGS[kind])), [])] if kind != "open" else []
    keepalive = frame_to(role, FIN | PONG, fixed_random(8))
    streams = st.just(keepalive) | frames(role, False)
    steps = drawn.draw(st.lists(timed_steps | timed_steps | arriving(streams), max_size=12))
    compare(Plan(kind, role.value, options, answers, [*opening, *steps]))


# All cases of what is most easily done wrong in C: lengths, and text in pieces


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("limit", [None, *LIMITS] if EXHAUSTIVE else [None, 126, 2**63 - 1, 2**64])
def test_lengths(role: Role, limit: int | None) -> None:
    for first in (FIN | TEXT, BINARY, FIN | CONTINUATION, FIN | PING, FIN | RSV1 | TEXT):
        for length in HOSTILE:
            for form in (2, 8) if length < 1 << 16 else (8,):
                header = bytes([first]) + length_bytes(length, role is Role.SERVER, form)
                payload = b"1234" + bytes(min(length, 200)) + b"\x81"
                options = {"limits": {"max_message_size": limit}, "extensions": DEFLATE}
                for sizes in [], [1]:
                    steps = [("feed", header + payload, sizes), ("end", "receive_eof"), TAKE_ALL]
                    compare(Plan("open", role.value, options, "none", steps))


BAD = (b"\x80", b"\xbf", b"\xc0", b"\xc1", b"\xe0\x80", b"\xed\xa0", b"\xf0\x8f", b"\xf4\x90")
BAD_BYTES = (*BAD, b"\xf5", b"\xff", b"\xe2\x82", b"\xf0\x9f\x98") if EXHAUSTIVE else BAD[::3]


@pytest.mark.parametrize("delivery", ["message", "chunk"])
@pytest.mark.parametrize("role", ROLES)
def test_text_with_an_error_at_every_place(role: Role, delivery: str) -> None:
    text = "aé€\U0001f600b".encode()
    texts = [text, *[text[:at] + bad + text[at:] for at in range(12) for bad in BAD_BYTES]]
    for data in texts:
        for border in range(len(data) + 1):
            stream = frame_to(role, TEXT, data[:border]) + frame_to(
                role, FIN | CONTINUATION, data[border:]
            )
            for sizes in [], [1]:
                steps = [("feed", stream, sizes)]
                compare(Plan("open", role.value, {"delivery": delivery}, "none", steps))


@pytest.mark.parametrize("role", ROLES)
def test_text_in_one_frame_with_something_else_at_every_place(role: Role) -> None:
    sizes = [*range(1, 20), 31, 32, 33, 124, 125, 126, 127, 128, 129, 263]
    fine = b"".join(
        frame_to(role, FIN | TEXT, b"a" * at + wide + b"b" * (size - at))
        for size in sizes
        for wide in map(str.encode, ("é", "€", "\U0001f600"))
        for at in range(size + 1)
    )
    steps: list[tuple[Any, ...]] = [("feed", fine, []), ("feed", fine, [1400])]
    compare(Plan("open", role.value, {}, "none", steps))
    for bad, size in product((b"\xff", b"\xc3", b"\xed\xa0\x80"), sizes[:: 1 if EXHAUSTIVE else 4]):
        for at in range(size + 1):
            stream = frame_to(role, FIN | TEXT, b"a" * at + bad + b"b" * (size - at))
            compare(Plan("open", role.value, {}, "none", [("feed", stream, [])]))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("extensions", [[], [("deflate", {"threshold": 300})]])
def test_many_of_everything(role: Role, extensions: list[Any]) -> None:
    """More of it than an octet counts, and more output than what is kept in one piece."""
    fragments = [frame_to(role, CONTINUATION, b"x")] * 300
    steps: list[tuple[Any, ...]] = [
        ("feed", frame_to(role, FIN | PING, b"1") * 300, []),
        ("feed", frame_to(role, TEXT, b"x") + b"".join(fragments), [500]),
        ("feed", frame_to(role, FIN | CONTINUATION, b"") + frame_to(role, FIN | TEXT) * 300, []),
    ]
    for size in (0, 1, 125, 126, 16_383, 16_384, 16_385, 32_767, 32_768, 65_535, 65_536):
        steps.append(("feed", frame_to(role, FIN | BINARY, b"a" * size), []))
        steps.append(("feed", frame_to(role, FIN | TEXT, b"a" * size), [5000]))
        for text in ("a" * size, "é" * (size // 2), b"a" * size, OwnText("a" * size)):
            kind = "bytes" if isinstance(text, bytes) else "text"
            for compress in (None, False):
                steps.append(("write", kind, Given(text), Given(True), Given(compress)))
                steps.append(("call", "data_to_send", Given(size // 3)))
    steps += [("call", "send_text", Given("a"))] * 300
    steps += [("call", "send_bytes", Given(b"b" * 200))] * 300
    steps.append(("call", "data_to_send"))
    compare(
        Plan("open", role.value, {"random": ("seeded", 1), "extensions": extensions}, "none", steps)
    )


# Pickles between processes

PICKLES = """
import pickle, sys
import wsproto_core
from test_events import FIELDS, make
from test_exceptions import ERRORS, full
values = [*map(make, FIELDS), *map(full, ERRORS.values())]
if sys.argv[1] == "write":
    pickles = [pickle.dumps(values, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    sys.stdout.buffer.write(pickle.dumps(pickles, 4))
else:
    for data in pickle.loads(sys.stdin.buffer.read()):
        assert pickle.loads(data) == values
    print(wsproto_core.COMPILED, repr(values))
"""


def run(pure: bool, argument: str, data: bytes = b"") -> bytes:
    path = [modes.TESTS, os.environ.get("PYTHONPATH", "")]
    if pure:
        path.insert(0, os.path.join(modes.TESTS, "pure"))
    done = subprocess.run(
        [sys.executable, "-c", PICKLES, argument],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
        input=data,
        capture_output=True,
    )
    assert (done.stderr, done.returncode) == (b"", 0)
    return done.stdout


def test_each_mode_reads_the_pickles_of_the_other(pytestconfig: pytest.Config) -> None:
    compiled = b"%r " % (pytestconfig.option.mode == "compiled")
    mode, values = run(False, "read", run(True, "write")).split(b" ", 1)
    assert run(True, "read", run(False, "write")) == b"False " + values
    assert mode + b" " == compiled
