"""Connections in several threads at a time, and in interpreters beside the main one."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from random import Random
from threading import Barrier

import pytest
from streams import SCENARIOS, Scenario, User
from wire import FIN, RSV1, TEXT, cut, deflate, frame_to, open_pair

from wsproto_core import (
    Connection,
    Delivery,
    LocalProtocolError,
    Message,
    PerMessageDeflate,
    Role,
)

THREADS = 4

GIL = """
import sys
is_enabled = getattr(sys, "_is_gil_enabled", lambda: True)
before = is_enabled()
import wsproto_core
print(is_enabled() is before)
"""

# Each interpreter with a lock of its own, where there is such a thing (Python 3.12 on).
INTERPRETERS = """
import sys, wsproto_core
program = '''
import sys
sys.path[:] = {path!r}
try:
    from wsproto_core import Connection, Role, TextMessage
except ImportError as refusal:
    print("refused:", refusal)
else:
    [event] = Connection(Role.CLIENT).receive_data(b"\\\\x81\\\\x05hello")
    assert event == TextMessage("hello")
    print("works")
sys.stdout.flush()
'''.format(path=sys.path)
if sys.version_info >= (3, 13):
    import _interpreters
else:
    import _xxsubinterpreters as _interpreters
interpreter = _interpreters.create()
assert _interpreters.run_string(interpreter, program) is None
_interpreters.destroy(interpreter)
print("still there", wsproto_core.Role.CLIENT.value)
"""


def heard(scenario: Scenario) -> tuple[list[object], bytes]:
    user = User(scenario.make())
    for piece in cut(scenario.stream, 5):
        user.take(user.connection.receive_data(piece))
    return user.heard, user.connection.data_to_send()


def test_connections_of_several_threads_do_not_disturb_each_other() -> None:
    expected = [heard(each) for each in SCENARIOS]
    barrier = Barrier(THREADS)

    def work() -> list[tuple[list[object], bytes]]:
        barrier.wait()
        return [heard(each) for each in SCENARIOS]

    with ThreadPoolExecutor(THREADS) as pool:
        for result in [pool.submit(work) for _ in range(THREADS)]:
            assert result.result() == expected


def test_threads_share_an_extension() -> None:
    extension = PerMessageDeflate()
    barrier = Barrier(THREADS)

    def talk(number: int) -> list[object]:
        client, server = open_pair({"extensions": [extension]}, {"extensions": [extension]})
        barrier.wait()
        got: list[object] = []
        for count in range(200):
            client.send_text(f"{number} {count} " * 50)
            for event in server.receive_data(client.data_to_send()):
                assert isinstance(event, Message)
                server.send(event)
            got += client.receive_data(server.data_to_send())
        return [event.data for event in got if isinstance(event, Message)]

    with ThreadPoolExecutor(THREADS) as pool:
        for number, data in enumerate(pool.map(talk, range(THREADS))):
            assert data == [f"{number} {count} " * 50 for count in range(200)]


def test_threads_that_use_one_connection_make_a_mess_and_no_more() -> None:
    """Nobody should: the bytes are mixed up. Under the lock, no memory is."""
    text = frame_to(Role.CLIENT, FIN | RSV1 | TEXT, deflate(b"hello " * 50))
    deliveries: list[Delivery] = ["message", "chunk"] * 25
    connections = [
        Connection(
            Role.CLIENT,
            extensions=[PerMessageDeflate(threshold=100)],
            random_bytes=lambda size: bytes(range(size)),
            delivery=delivery,
        )
        for delivery in deliveries
    ]
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    interval = sys.getswitchinterval()

    def work(number: int) -> int:
        rng, sent = Random(number), 0
        for ws in [each for each in connections for _ in range(20)]:
            with suppress(AssertionError, LookupError, TypeError, ValueError, LocalProtocolError):
                cut = rng.randrange(len(text))
                for piece in (text[:cut], text[cut:]):
                    for event in islice(ws.receive_data(piece), 9):
                        ws.send(event)
                ws.send_text("x" * rng.choice([1, 99, 101, 20_000]), message_finished=cut > 9)
                sent += len(ws.data_to_send(rng.choice([None, 1, 1000])))
        return sent

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            assert sum(pool.map(work, range(THREADS if has_lock else 1)))
    finally:
        sys.setswitchinterval(interval)


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def test_a_python_without_the_lock_stays_without_it() -> None:
    assert run(GIL) == "True\n"


def test_the_pure_modules_work_in_other_interpreters_and_the_compiled_ones_refuse(
    pytestconfig: pytest.Config,
) -> None:
    first, second = run(INTERPRETERS).splitlines()
    if pytestconfig.option.mode == "compiled":
        assert first.startswith("refused: ")
    else:
        assert first == "works"
    assert second == "still there client"
