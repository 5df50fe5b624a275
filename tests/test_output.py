"""The output queue against a model that is one list of byte strings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, SupportsIndex

import modes
import pytest
from effort import examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from wsproto_core import mask
from wsproto_core.masking_keys import MaskingKeys
from wsproto_core.output import OutputQueue, append_to_all


@dataclass
class Piece:
    data: bytes
    is_pong: bool
    begun: bool = False


class Model:
    """What the queue must do, in the simplest way: linear in everything."""

    def __init__(self, max_pongs: int) -> None:
        self.max_pongs = max_pongs
        self.pieces: list[Piece] = []

    def append(self, data: bytes, is_pong: bool = False) -> None:
        self.pieces.append(Piece(data, is_pong))
        waiting = [piece for piece in self.pieces if piece.is_pong and not piece.begun]
        if len(waiting) > self.max_pongs:
            self.pieces = [piece for piece in self.pieces if piece is not waiting[0]]

    def drain(self, max_bytes: int) -> bytes:
        taken = b""
        while self.pieces and len(taken) + len(self.pieces[0].data) <= max_bytes:
            taken += self.pieces.pop(0).data
        room = max_bytes - len(taken)
        if self.pieces and room:
            piece = self.pieces[0]
            taken += piece.data[:room]
            self.pieces[0] = Piece(piece.data[room:], piece.is_pong, True)
        return taken

    def joined(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)


class QueueMachine(RuleBasedStateMachine):
    """Random calls to both."""

    @initialize(max_pongs=st.integers(1, 4))
    def start(self, max_pongs: int) -> None:
        self.queue = OutputQueue(max_pongs)
        self.model = Model(max_pongs)
        self.count = 0

    def next_bytes(self, size: int) -> bytes:
        self.count += 1
        return f"<{self.count}{'.' * size}>".encode()

    @rule(size=st.integers(0, 5))
    def append(self, size: int) -> None:
        data = self.next_bytes(size)
        self.queue.append(data)
        self.model.append(data)

    @rule(size=st.integers(0, 5), text=st.booleans())
    def append_joined(self, size: int, text: bool) -> None:
        data = self.next_bytes(size)
        self.queue.append_joined(b"[", None, data.decode() if text else data)
        self.model.append(b"[" + data)

    @rule(size=st.integers(0, 5))
    def append_to_all(self, size: int) -> None:
        data = self.next_bytes(size)
        append_to_all([self.queue], data)
        self.model.append(data)

    @rule(count=st.integers(1, 12))
    def append_pongs(self, count: int) -> None:
        for _ in range(count):
            data = self.next_bytes(1)
            self.queue.append_pong(data)
            self.model.append(data, is_pong=True)

    @rule(max_bytes=st.integers(0, 40))
    def drain(self, max_bytes: int) -> None:
        assert self.queue.drain(max_bytes) == self.model.drain(max_bytes)

    @rule()
    def drain_all(self) -> None:
        assert b"".join(self.queue.drain_all()) == self.model.drain(1 << 30)

    @rule()
    def drain_joined(self) -> None:
        assert self.queue.drain_joined() == self.model.drain(1 << 30)

    @rule()
    def drain_but_one_byte(self) -> None:
        size = max(0, self.queue.pending() - 1)
        assert self.queue.drain(size) == self.model.drain(size)

    @invariant()
    def pending_is_what_waits(self) -> None:
        assert self.queue.pending() == len(self.model.joined())

    def teardown(self) -> None:
        assert b"".join(self.queue.drain_all()) == self.model.joined()
        assert self.queue.pending() == 0
        assert self.queue.drain_all() == []


QueueMachine.TestCase.settings = examples(60)
TestQueueAgainstModel = QueueMachine.TestCase


def test_nothing_waits_at_first() -> None:
    queue = OutputQueue(16)
    assert queue.pending() == 0
    assert queue.drain_all() == []
    assert queue.drain_joined() == queue.drain(100) == b""


def test_what_is_appended_leaves_in_order_unjoined() -> None:
    queue = OutputQueue(16)
    for data in (b"one", b"two", b"three"):
        queue.append(data)
    assert queue.pending() == 11
    assert queue.drain_all() == [b"one", b"two", b"three"]


def test_frames_that_are_joined_leave_as_one_up_to_a_size() -> None:
    queue = OutputQueue(16)
    for number in range(12_000):
        queue.append_joined(b"\x82\x04", None, number.to_bytes(4, "big"))
    queue.append(b"last")
    *joined, rest, last = queue.drain_all()
    assert last == b"last"
    assert [len(chunk) for chunk in joined] == [6 * -(-(32 << 10) // 6)] * 2
    frames = b"".join([*joined, rest])
    assert frames == b"".join(b"\x82\x04" + n.to_bytes(4, "big") for n in range(12_000))


def test_frames_that_are_joined_are_masked_with_keys_in_turn() -> None:
    queue = OutputQueue(16)
    keys = MaskingKeys(lambda size: bytes(range(size)))
    queue.append_joined(b"h", keys, b"abc")
    queue.append_joined(b"h", keys, "abc")
    first, second = bytes([0, 1, 2, 3]), bytes([4, 5, 6, 7])
    expected = b"h" + first + mask(b"abc", first) + b"h" + second + mask(b"abc", second)
    assert queue.drain_all() == [expected]


def test_the_very_objects_leave() -> None:
    queue = OutputQueue(16)
    large = bytes(100_000)
    for _ in range(2):
        queue.append(large)
        assert queue.drain_all()[0] is large
        queue.append(large)
        assert queue.drain_joined() is large
        queue.append(b"first")
        queue.append(large)
        assert queue.drain(5) == b"first"
        assert queue.drain_joined() is large


def test_all_queue_the_very_object_behind_what_waits_on_each() -> None:
    queues = [OutputQueue(16) for _ in range(3)]
    queues[0].append(b"one")
    queues[1].append_joined(b"h", None, b"joined")
    large = bytes(100_000)
    append_to_all(queues, large)
    assert [queue.pending() for queue in queues] == [100_003, 100_007, 100_000]
    waiting = [queue.drain_all() for queue in queues]
    assert [chunks[:-1] for chunks in waiting] == [[b"one"], [b"hjoined"], []]
    assert all(chunks[-1] is large for chunks in waiting)


@pytest.mark.parametrize("size", range(1, 13))
def test_drains_of_every_size_give_the_same_bytes(size: int) -> None:
    queue = OutputQueue(16)
    for data in (b"one", b"two", b"three"):
        queue.append(data)
    pieces = []
    while queue.pending():
        pieces.append(queue.drain(size))
    assert b"".join(pieces) == b"onetwothree"
    assert all(len(piece) == size for piece in pieces[:-1])


def test_drain_all_goes_on_where_drain_left_off() -> None:
    queue = OutputQueue(16)
    queue.append(b"abcdef")
    queue.append(b"ghi")
    assert queue.drain(4) == b"abcd"
    assert queue.drain_all() == [b"ef", b"ghi"]
    queue.append(b"jkl")
    assert queue.drain_all() == [b"jkl"]


def test_what_has_left_is_not_among_what_is_left() -> None:
    queue = OutputQueue(16)
    for number in range(10):
        queue.append(b"%d" % number)
    assert queue.drain(3) == b"012"
    last = b"the last one"
    queue.append(last)
    waiting = queue.drain_all()
    assert waiting == [b"3", b"4", b"5", b"6", b"7", b"8", b"9", last]
    assert waiting[-1] is last


class CountingList(list[bytes]):
    """Counts the elements that are moved or looked at."""

    work = 0

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        CountingList.work += len(found) if isinstance(index, slice) else 1
        return found

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        before = len(self)
        super().__delitem__(index)
        CountingList.work += before

    def __iter__(self) -> Any:
        CountingList.work += len(self)
        return super().__iter__()

    def pop(self, index: SupportsIndex = -1) -> bytes:
        CountingList.work += len(self)
        return super().pop(index)


@pytest.mark.parametrize("size", [1, 40, 1448])
def test_the_work_to_drain_a_queue_in_small_steps_is_in_proportion_to_its_length(
    size: int,
) -> None:
    # The source, for into compiled modules nobody can see.
    module: Any = modes.pure_copy()["wsproto_core.output"]

    queue = module.OutputQueue(16)
    for _ in range(4000):
        queue.append(b"a message of 21 bytes")
    CountingList.work = steps = 0
    while queue.pending():
        if type(queue._chunks) is list:
            queue._chunks = CountingList(queue._chunks)
        queue.drain(size)
        steps += 1
    assert CountingList.work < 4 * (4000 + steps)


@pytest.mark.parametrize("limit", [1, 2, 16])
def test_only_the_newest_pongs_wait(limit: int) -> None:
    queue = OutputQueue(limit)
    pongs = [bytes([number]) for number in range(100)]
    for pong in pongs:
        queue.append_pong(pong)
    assert queue.pending() == limit
    assert b"".join(queue.drain_all()) == b"".join(pongs[-limit:])


def test_other_output_never_gives_way() -> None:
    queue = OutputQueue(1)
    for number in range(50):
        queue.append(b"m%d " % number)
        queue.append_pong(b"p%d " % number)
    expected = b"".join(b"m%d " % number for number in range(50)) + b"p49 "
    assert b"".join(queue.drain_all()) == expected


def test_a_pong_that_left_in_part_does_not_give_way() -> None:
    queue = OutputQueue(1)
    queue.append_pong(b"first")
    assert queue.drain(2) == b"fi"
    queue.append_pong(b"second")
    queue.append_pong(b"third")
    assert queue.drain(100) == b"rstthird"


def test_a_pong_that_left_counts_no_more() -> None:
    queue = OutputQueue(2)
    queue.append_pong(b"one ")
    queue.append_pong(b"two ")
    assert queue.drain(4) == b"one "
    queue.append_pong(b"three ")
    assert queue.drain(100) == b"two three "


def test_a_flood_of_pings_costs_no_memory() -> None:
    queue = OutputQueue(16)
    queue.append(b"a message that waits")
    for number in range(10_000):
        queue.append_pong(b"%d" % number)
    waiting = queue.drain_all()
    assert len(waiting) <= 3 * (16 + 1) + 1
    assert b"".join(waiting[1:]) == b"".join(b"%d" % number for number in range(9984, 10_000))
