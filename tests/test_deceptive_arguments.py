"""Arguments that are not what they say, or that change in use: the same comes of them in both
modes, and never memory that is not theirs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from twins import TWINS, OwnText, Twin, describe
from wire import BINARY, FIN, PING, ROLES, RSV2, TEXT, fixed_random, frame_to

from wsproto_core import Role


class LyingBytes(bytes):
    """Bytes whose methods tell of others."""

    def __len__(self) -> int:
        return 1 << 40

    def __bytes__(self) -> bytes:
        return b"something else"

    def __getitem__(self, key: Any) -> Any:
        return b"something else" if isinstance(key, slice) else 7

    def __add__(self, other: Any) -> Any:
        return "nothing"


class LyingArray(bytearray):
    """The same of what can change."""

    def __len__(self) -> int:
        return 0

    def __bytes__(self) -> bytes:
        return b"something else"


class LyingNumber(int):
    """A number that compares as another."""

    def __lt__(self, other: object) -> bool:
        return True

    def __gt__(self, other: object) -> bool:
        return False

    __le__, __ge__ = __lt__, __gt__

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(1000)

    def __index__(self) -> int:
        return 1 << 40


class Buffer:
    """What has a buffer of its own making, on Python 3.12 and later; before, it has none."""

    def __init__(self, data: bytes, call_back: Callable[[], object] = lambda: None) -> None:
        self.data = bytearray(data)
        self.call_back = call_back
        self.released = 0

    def __buffer__(self, flags: int) -> memoryview:
        self.call_back()
        return memoryview(self.data)

    def __release_buffer__(self, view: memoryview) -> None:
        self.released += 1
        self.data[:] = b"\xff" * len(self.data)
        view.release()


class NoBuffer(Buffer):
    """One that gives something else instead."""

    def __buffer__(self, flags: int) -> Any:
        return 5


class Raising(Buffer):
    """One that fails."""

    def __buffer__(self, flags: int) -> memoryview:
        raise KeyError("no buffer today")


HAS_BUFFERS = sys.version_info >= (3, 12)


def released(data: bytes) -> memoryview:
    view = memoryview(data)
    view.release()
    return view


FORMS: dict[str, Callable[[bytes], Any]] = {
    "lying bytes": LyingBytes,
    "lying bytearray": LyingArray,
    "buffer": Buffer,
    "no buffer": NoBuffer,
    "raising": Raising,
    "released view": released,
    "text": lambda data: OwnText(data.decode("latin-1")),
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
each_role = pytest.mark.parametrize("role", ROLES)


def made(twin: Twin, role: Role, **options: Any) -> Any:
    options = {"random_bytes": fixed_random, **options}
    return twin.package.Connection(twin.package.Role[role.name], **options)


def outcome(action: Callable[[], object]) -> object:
    try:
        return describe(action())
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return type(error).__name__, str(error)


def same(program: Callable[[Twin], object]) -> Any:
    ours, theirs = map(program, TWINS)
    assert ours == theirs
    return ours


@each_form
@each_role
def test_bytes_that_lie_are_taken_for_what_they_hold(
    role: Role, form: Callable[[bytes], Any]
) -> None:
    stream = frame_to(role, FIN | BINARY, b"abcd") + frame_to(role, FIN | TEXT, b"e" * 200)

    def program(twin: Twin) -> object:
        ws = made(twin, role)
        plain = made(twin, role)
        seen = [
            outcome(lambda: ws.send_bytes(form(b"abcd"))),
            outcome(lambda: ws.send_bytes(form(b"abcd" * 10_000))),
            outcome(lambda: ws.send(twin.package.BytesMessage(form(b"ef")))),
            outcome(lambda: ws.ping(form(b"gh"))),
            outcome(lambda: ws.send(twin.package.Pong(form(b"ij")))),
            outcome(lambda: list(ws.receive_data(form(stream[:9])))),
            outcome(lambda: list(ws.receive_data(form(stream[9:])))),
        ]
        plain.send_bytes(b"abcd")
        plain.send_bytes(b"abcd" * 10_000)
        plain.send_bytes(b"ef")
        plain.ping(b"gh")
        plain.send(twin.package.Pong(b"ij"))
        sent = ws.data_to_send()
        assert sent in (b"", plain.data_to_send())
        return seen, sent, ws.bytes_parsed, ws.state.name

    *_, parsed, _ = same(program)
    good = isinstance(form(b""), (bytes, bytearray)) or (HAS_BUFFERS and form is Buffer)
    assert parsed == (len(stream) if good else 0)


@each_form
def test_codecs_and_sources_that_give_bytes_that_lie(form: Callable[[bytes], Any]) -> None:
    def program(twin: Twin) -> object:
        module = twin.extensions

        class Codec(module.ShiftCodec):  # type: ignore[name-defined, misc]
            def encode(self, frame: Any) -> Any:
                return frame._replace(payload=form(b"encoded"), rsv2=True)

            def decode(self, frame: Any, max_size: int | None) -> Any:
                return frame._replace(payload=form(b"decoded"), rsv2=False)

        class Extension(module.Shift):  # type: ignore[name-defined, misc]
            def codec(self, role: Any) -> Any:
                return Codec(1)

        seen: list[object] = []
        deflater = twin.package.PerMessageDeflate(threshold=0)
        for extensions in ([Extension()], [Extension(), deflater], [deflater, Extension()]):
            ws = made(twin, Role.SERVER, extensions=extensions)
            data = frame_to(Role.SERVER, FIN | RSV2 | TEXT, b"x")
            seen.append(outcome(partial(ws.send_text, "x" * 200)))
            seen.append(outcome(lambda ws=ws, data=data: list(ws.receive_data(data))))
            seen.append((ws.data_to_send(), ws.state.name))
        ws = made(twin, Role.CLIENT, random_bytes=lambda size: form(bytes(size)))
        seen.append(outcome(partial(ws.send_text, "x")))
        return seen, ws.data_to_send()

    same(program)


# Numbers


@pytest.mark.parametrize("number", [0, 3, 1000, 1 << 40])
@each_role
def test_numbers_that_lie(role: Role, number: int) -> None:
    lying = LyingNumber(number)

    def sent(twin: Twin) -> object:
        ws = made(twin, role)
        ws.send_text("hello")
        ws.send_bytes(b"x" * 20_000)
        return (
            outcome(lambda: ws.data_to_send(lying)),
            outcome(lambda: ws.close(lying)),
            ws.data_to_send(),
        )

    def received(limit: str, twin: Twin) -> object:
        ws = made(twin, role, limits=twin.package.Limits(**{limit: lying}))
        frames = (
            frame_to(role, FIN | TEXT, b"hello"),
            frame_to(role, FIN | PING) * 30,
            frame_to(role, TEXT, b"x" * 2000),
        )
        seen = [outcome(lambda data=data: list(ws.receive_data(data))) for data in frames]
        return seen, ws.state.name, ws.data_to_send()

    same(sent)
    for limit in ("max_message_size", "max_frame_size", "max_fragments", "max_pending_pongs"):
        same(lambda twin, limit=limit: outcome(lambda: received(limit, twin)))


# What changes in use


@pytest.mark.parametrize("change", ["clear", "extend", "fill"])
@each_role
def test_a_buffer_that_changes_while_it_is_sent(role: Role, change: str) -> None:
    """It changes as the masking key is drawn, or as the codec has it."""
    changes: dict[str, Callable[[bytearray], object]] = {
        "clear": bytearray.clear,
        "extend": lambda buffer: buffer.extend(bytes(1 << 16)),
        "fill": lambda buffer: buffer.__setitem__(slice(None), b"\xff" * len(buffer)),
    }

    def program(twin: Twin) -> object:
        buffer = bytearray()

        def random_bytes(size: int) -> bytes:
            changes[change](buffer)
            return fixed_random(size)

        seen: list[object] = []
        for size in (4, 100, 20_000):
            ws = made(twin, role, random_bytes=random_bytes)
            for send in (ws.send_bytes, lambda data, ws=ws: ws.ping(data[:100])):
                buffer[:] = b"a" * size
                send(buffer)
            seen.append(ws.data_to_send())
        plain = made(twin, role)
        plain.send_bytes(b"a" * 4)
        plain.ping(b"a" * 4)
        assert seen[0] == plain.data_to_send()
        return seen

    same(program)


@pytest.mark.parametrize("data", [b"short", b"long" * 5000], ids=len)
def test_a_buffer_whose_owner_uses_the_connection(data: bytes) -> None:
    """From Python 3.12 on; before, such an object is no buffer, which is an error."""

    def program(twin: Twin) -> object:
        text = frame_to(Role.CLIENT, FIN | TEXT, b"inner")
        actions: list[Callable[[], object]] = [
            lambda: ws.send_text("inner"),
            lambda: ws.data_to_send(3),
            lambda: list(ws.receive_data(text)),
            lambda: list(ws.receive_data(frame_to(Role.CLIENT, TEXT, b"inner")[:4])),
            lambda: ws.state.name == "OPEN" and ws.close(),
            lambda: list(ws.receive_reset()),
        ]
        seen: list[object] = []
        for action in actions:
            ws = made(twin, Role.CLIENT)
            buffer = Buffer(data, action)
            frame = Buffer(text, action)
            seen.append(outcome(partial(ws.send_bytes, buffer)))
            seen.append(outcome(lambda ws=ws, frame=frame: list(ws.receive_data(frame))))
            seen.append((buffer.released, frame.released, ws.data_to_send(), ws.state.name))
            assert buffer.released == frame.released == HAS_BUFFERS
        return seen

    same(program)


def test_a_codec_that_keeps_and_changes_what_it_gave() -> None:
    def program(twin: Twin) -> object:
        module = twin.extensions
        kept: list[bytearray] = []

        class Codec(module.ShiftCodec):  # type: ignore[name-defined, misc]
            def _keep(self, frame: Any) -> Any:
                for each in kept:
                    each.clear()
                kept.append(bytearray(frame.payload))
                return frame._replace(payload=kept[-1], rsv2=not frame.rsv2)

            def encode(self, frame: Any) -> Any:
                return self._keep(frame)

            def decode(self, frame: Any, max_size: int | None) -> Any:
                return self._keep(frame)

        class Extension(module.Shift):  # type: ignore[name-defined, misc]
            def codec(self, role: Any) -> Any:
                return Codec(1)

        ws = made(twin, Role.SERVER, extensions=[Extension()])
        for size in (10, 20_000, 10):
            ws.send_bytes(b"a" * size)
        data = frame_to(Role.SERVER, RSV2 | BINARY, b"b" * 5000)
        data += frame_to(Role.SERVER, FIN | RSV2, b"b" * 5000)
        (event,) = ws.receive_data(data)
        assert event.data == b"b" * 10_000
        return describe(event), ws.data_to_send()

    _, sent = same(program)
    assert sent.count(b"a") == 20_020
