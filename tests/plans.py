"""What may happen to a connection, as Hypothesis draws it: what peers send, right, changed or
hostile; what users pass, of the right type or not; and how a connection is made."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from twins import FORMS, SOURCES, Given
from wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    RSV1,
    TEXT,
    close_payload,
    deflate,
    frame_to,
    length_bytes,
)

from wsproto_core import Role

EDGES = [0, 1, 124, 125, 126, 127, 128, 65535, 65536, 65537]
HOSTILE = [
    *EDGES,
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1),
]
LIMITS = [0, 1, 125, 126, 400, 65536, 2**31, 2**62, 2**63 - 1, 2**63, 2**64, 2**200]

# What a peer may send


def changed(streams: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Streams of which up to four places are not as they were."""

    @st.composite
    def change(draw: Any) -> bytes:
        stream = bytearray(draw(streams))
        for _ in range(draw(st.integers(0, 4))):
            at = draw(st.integers(0, len(stream)))
            match draw(st.sampled_from(["flip", "set", "delete", "insert", "cut", "repeat"])):
                case "flip" if at < len(stream):
                    stream[at] ^= 1 << draw(st.integers(0, 7))
                case "set" if at < len(stream):
                    stream[at] = draw(st.sampled_from([0x00, 0x7F, 0x80, 0xFE, 0xFF, 0x0A, 0x0D]))
                case "delete":
                    del stream[at : at + draw(st.integers(1, 9))]
                case "insert":
                    stream[at:at] = draw(st.binary(min_size=1, max_size=9))
                case "cut":
                    del stream[at:]
                case "repeat":
                    stream[at:at] = stream[at : at + draw(st.integers(1, 200))]
        return bytes(stream)

    return change()


@st.composite
def frames(draw: Any, role: Role, compressed: bool) -> bytes:
    """Something of what a peer sends: messages in fragments, control frames, nonsense."""
    match draw(st.sampled_from(["message", "message", "message", "control", "hostile", "bytes"])):
        case "message":
            return message(draw, role, compressed and draw(st.booleans()))
        case "control":
            opcode = draw(st.sampled_from([PING, PONG, CLOSE]))
            payload = draw(st.binary(max_size=8))
            if opcode == CLOSE:
                code = draw(st.sampled_from([999, 1000, 1005, 1007, 3000, 4999, 5000]))
                payload = draw(st.sampled_from([b"", b"\x03", close_payload(code, payload)]))
            return frame_to(role, FIN | opcode, payload)
        case "hostile":
            first = draw(st.integers(0, 255))
            masked = draw(st.booleans())
            length = draw(st.sampled_from(HOSTILE))
            form = draw(st.sampled_from([None, 8] if length >= 126 else [None, 2, 8]))
            header = bytes([first]) + length_bytes(length, masked, form)
            return header + draw(st.binary(max_size=20))
    return draw(st.binary(max_size=20))


def message(draw: Any, role: Role, compressed: bool) -> bytes:
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    data = draw(st.text(max_size=12)).encode(errors="surrogatepass")
    data *= draw(st.sampled_from([1, 1, 1, 1, 13, 1000]))
    if draw(st.integers(0, 5)) == 0:
        data = data[: draw(st.integers(0, 20))] + draw(st.binary(max_size=4)) + data[9:]
    if compressed:
        data = deflate(data, draw(st.sampled_from([9, 15])))
    stream, at = b"", 0
    opcode |= RSV1 if compressed else 0
    while True:
        size = draw(st.sampled_from([0, 1, 2, 3, 5, 125, len(data), len(data)]))
        last = at + size >= len(data)
        stream += frame_to(role, opcode | (FIN if last else 0), data[at : at + size])
        at += size
        opcode = CONTINUATION
        if last:
            return stream
        if draw(st.integers(0, 4)) == 0:
            stream += frame_to(role, FIN | PING, b"between")


cuts = st.one_of(st.just([]), st.just([1]), st.lists(st.integers(1, 20), max_size=4))
counts = st.sampled_from([None, None, None, 0, 1, 2])


def feeding(streams: st.SearchStrategy[bytes]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.one_of(
        st.tuples(st.just("feed"), streams, cuts, counts),
        st.tuples(st.just("receive"), st.builds(Given, streams, st.sampled_from([*FORMS]))),
    )


# What its own user may do

texts = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010), max_size=4),
    st.builds(str.__mul__, st.sampled_from(["a", "é", "€", "\U0001f600"]), st.sampled_from(EDGES)),
)
octets = st.one_of(st.binary(max_size=200), st.builds(bytes, st.sampled_from(EDGES)))
wrong = st.sampled_from([None, 5, 1.5, [1, 2], ["a"], {"a": 1}, object, -1, 2**64, 10**30])
data = st.builds(Given, texts | octets | texts | octets | wrong, st.sampled_from([*FORMS]))
truths = st.builds(Given, st.sampled_from([True, True, False, None, 0, 1, 2, 300, "", "yes", 0.5]))
codes = st.sampled_from([None, 999, 1000, 1001, 1005, 1006, 3000, 70_000, -1, 2**70, True, "1000"])
sizes = st.sampled_from([None, 0, 1, 3, 200, 2**31, 2**63 - 1, 2**63, 2**100, -1, True, 1.5, "1"])

user_steps = st.one_of(
    st.tuples(st.just("call"), st.just("send_text"), data),
    st.tuples(st.just("call"), st.just("send_bytes"), data),
    st.tuples(st.just("send"), st.sampled_from(["TextMessage", "BytesMessage", "Message"]), data),
    st.tuples(st.just("send"), st.just("TextMessage"), data, truths, truths, truths),
    st.tuples(st.just("send"), st.just("BytesMessage"), data, truths, truths, truths),
    st.tuples(st.just("write"), st.sampled_from(["text", "bytes"]), data, truths, truths),
    st.tuples(st.just("send"), st.sampled_from(["Ping", "Pong"]), data),
    st.tuples(st.just("call"), st.just("ping"), data),
    st.tuples(st.just("call"), st.just("close"), st.builds(Given, codes), data),
    st.tuples(st.just("send"), st.just("CloseConnection"), st.builds(Given, codes)),
    st.tuples(st.just("send"), st.just("AcceptConnection")),
    st.tuples(st.just("send"), st.just("RejectConnection"), st.builds(Given, st.just(404))),
    st.tuples(st.just("send"), st.just("RejectData"), data, truths),
    st.tuples(st.just("call"), st.just("data_to_send"), st.builds(Given, sizes)),
    st.just(("drain_unjoined",)),
    st.tuples(st.just("end"), st.sampled_from(["receive_eof", "receive_reset", "events"])),
    st.tuples(st.just("take"), st.integers(0, 3), counts),
    st.tuples(st.just("examine")),
)

# When

times = st.builds(
    Given,
    st.sampled_from([0, 5, 10.0, 19.5, 20, 25, 40, 60, 1e6])
    | st.sampled_from([None, -3, True, "1", float("nan"), float("inf"), 10**400]),
)
timed_steps = st.one_of(
    st.tuples(st.just("end"), st.just("handle_timeout"), times),
    st.tuples(st.just("end"), st.sampled_from(["receive_eof", "receive_reset"]), times),
    st.tuples(st.just("call_at"), times, st.just("ping"), data),
    st.tuples(st.just("call_at"), times, st.sampled_from(["ping", "close"])),
    st.tuples(st.just("take"), st.integers(0, 3), counts),
    st.tuples(st.just("call"), st.just("data_to_send"), st.builds(Given, st.none())),
)


def arriving(streams: st.SearchStrategy[bytes]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just("receive"), st.builds(Given, streams), times)


timeouts = st.sampled_from([{}, {"ping": 5, "pong": 5.5}, {"pong": None}, {"ping": None, "eof": 1}])

# How a connection is made

limits = st.one_of(
    st.just({}),
    st.just({"max_message_size": 400, "max_fragments": 8}),
    st.fixed_dictionaries(
        {},
        optional={
            "max_message_size": st.sampled_from([None, *LIMITS]),
            "max_frame_size": st.sampled_from([None, *LIMITS]),
            "max_fragments": st.sampled_from(LIMITS[1:]),
            "max_pending_pongs": st.sampled_from([1, 2, 3, *LIMITS[-5:]]),
            "max_early_data": st.sampled_from([0, 10, 2**70]),
            "max_reject_body": st.sampled_from([0, 3, 2**70]),
        },
    ),
)
extensions = st.sampled_from(
    [
        [],
        [],
        [("deflate", {"threshold": 0})],
        [("deflate", {"threshold": 300})],
        [("deflate", {"server_no_context_takeover": True, "client_no_context_takeover": True})],
        [("deflate", {"server_max_window_bits": 9, "client_max_window_bits": 9})],
        [("shift", {})],
        [("shift", {}), ("deflate", {"threshold": 0})],
        [("deflate", {}), ("shift", {"step": 3})],
    ]
)
options = st.fixed_dictionaries(
    {
        "limits": limits,
        "extensions": extensions,
        "delivery": st.sampled_from(["message"] * 4 + ["chunk"] * 4 + ["other"]),
        "auto_pong": st.sampled_from([True, True, False, "yes", [], 300, None]),
        "auto_close": st.sampled_from([True, True, False, 0.5]),
        "timeouts": timeouts,
        "liveness": st.sampled_from(["pong", "pong", "any_data", "any_data", "ping"]),
        "now": st.sampled_from([None, None, 0, 1.5]),
        "random": st.tuples(st.sampled_from([*SOURCES, "seeded", "seeded"]), st.integers(0, 3)),
    }
)
answers = st.sampled_from(["none", "accept", "respond"])
