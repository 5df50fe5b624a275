"""What a captured stream may be written as: raw bytes, hex text, or a dump of tshark's.

Turns the pieces of a file into the bytes that were captured. Knows nothing of
WebSocket, nor of how files are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

__all__ = ["Capture", "CaptureError", "Record", "read_capture"]


class CaptureError(Exception):
    """The input is not what it should be; the message is one line for people."""


class Record(NamedTuple):
    """Bytes that one side sent."""

    node: int
    """0 or 1, as in the dump; 0 where there is one side only."""
    data: bytes
    missing: int = 0
    """How many bytes the capture lacks here; `data` is empty then."""


class Capture(NamedTuple):
    """A capture, to be read once, in order."""

    name: str
    """What messages call it."""
    two_way: bool
    """Whether it holds both directions."""
    records: Iterator[Record]


_SEPARATORS: Final = b" \t\r\n,:-"
_PLAIN: Final = re.compile(rb"(?:0[xX]|[0-9A-Fa-f \t\r\n,:\-])*")
_BAD: Final = re.compile(rb"[^0-9A-Fa-f \t\r\n,:\-]")
_TEXT_STARTS: Final = b"0123456789ABCDEFabcdef=,:-"
_PREFIX: Final = re.compile(rb"(?<![0-9A-Fa-f])0[xX]")
_XXD: Final = re.compile(
    rb"[0-9A-Fa-f]{4,16}: ((?:[0-9A-Fa-f]{2})+(?: (?:[0-9A-Fa-f]{2})+)*)(?:  .*)?"
)
_HEXDUMP: Final = re.compile(rb"[0-9A-Fa-f]{6,16}  ((?:[0-9A-Fa-f]{2} +)+)\|.*\|")
_OFFSET: Final = re.compile(rb"[0-9A-Fa-f]{6,16}")
_RULE: Final = re.compile(rb"={20,}")
_FOLLOW: Final = re.compile(rb"Follow: (?:tcp|tls|ssl),raw")
_DUMP_HEAD: Final = re.compile(rb"Follow: .*|Filter: .*|Node [01]: .*")
_MISSING: Final = re.compile(rb"\[(\d+) bytes? missing in capture file\]\x00?")
_BOM: Final = b"\xef\xbb\xbf"
_FIRST_LINE: Final = 1024
_LONGEST_LINE: Final = 4096
_LONGEST_RUN: Final = 64 << 10


def read_capture(name: str, pieces: Iterable[bytes], form: str = "auto") -> Capture:
    """Tell what the pieces of a file are, and get the captured bytes out of them.

    `name` is what messages call it. `form` is "raw", "hex", or "auto" to go by the
    first line. A dump of tshark's is told by its first line in each case but "raw".

    Raises:
        CaptureError: while the records are taken: the input is empty or broken.
    """
    two_way, records = _recognise(iter(pieces), form)
    return Capture(name, two_way, _checked(name, records))


def _recognise(source: Iterator[bytes], form: str) -> tuple[bool, Iterator[Record]]:
    if form == "raw":
        return False, (Record(0, piece) for piece in source)
    start = _first_line(source)
    line = start.removeprefix(_BOM).lstrip().split(b"\n", 1)[0].rstrip()
    rest = chain((start.removeprefix(_BOM),), source)
    if _RULE.fullmatch(line):
        return True, _dump(_lines(rest, _LONGEST_RUN))
    if _XXD.fullmatch(line):
        return False, _columns(_lines(rest, _LONGEST_LINE), _XXD)
    if _HEXDUMP.fullmatch(line):
        return False, _columns(_lines(rest, _LONGEST_LINE), _HEXDUMP)
    if form == "hex" or (line and _PLAIN.fullmatch(line)):
        return False, _plain(rest)
    return False, (Record(0, piece) for piece in chain((start,), source))


def _first_line(source: Iterator[bytes]) -> bytes:
    """As much of the input as it takes to see its first line that is not blank."""
    start = b""
    for piece in source:
        start += piece
        text = start.removeprefix(_BOM).lstrip()
        if b"\n" in text or len(text) >= _FIRST_LINE or len(start) >= _LONGEST_RUN:
            break
        if text[:1] not in _TEXT_STARTS and not _BOM.startswith(start):
            break
    return start


def _checked(name: str, records: Iterator[Record]) -> Iterator[Record]:
    empty = True
    try:
        for record in records:
            if record.data or record.missing:
                empty = False
                yield record
    except CaptureError as error:
        raise CaptureError(f"{name}: {error}") from None
    if empty:
        raise CaptureError(f"{name}: there are no bytes in it")


def _plain(pieces: Iterable[bytes]) -> Iterator[Record]:
    """Pairs of hex digits, with separators and 0x between them or not."""
    half = b""
    number = 1
    for piece in pieces:
        text = _PREFIX.sub(b"", half + piece)
        bad = _BAD.search(text)
        if bad is not None:
            raise _not_hex(number + text.count(b"\n", 0, bad.start()))
        digits = text.translate(None, _SEPARATORS)
        cut = len(digits) & ~1
        half = digits[cut:]
        yield Record(0, bytes.fromhex(digits[:cut].decode("ascii")))
        number += piece.count(b"\n")
    if half:
        raise CaptureError("the hex text ends in the middle of a byte")


def _not_hex(number: int) -> CaptureError:
    return CaptureError(f"line {number} is not hex text")


def _columns(lines: Iterable[_Line], pattern: re.Pattern[bytes]) -> Iterator[Record]:
    """The lines of `xxd` or `hexdump -C`: an offset, the bytes, the same as text."""
    for number, text, whole in lines:
        line = text.strip()
        match = pattern.fullmatch(line)
        if match is not None and whole:
            yield Record(0, bytes.fromhex(match[1].decode("ascii")))
        elif line == b"*":
            raise CaptureError(
                f"line {number}: '*' stands for lines that were left out (hexdump -v keeps them)"
            )
        elif line and not _OFFSET.fullmatch(line):
            raise _not_hex(number)


def _dump(lines: Iterable[_Line]) -> Iterator[Record]:
    """The output of ``tshark -q -z follow,tcp,raw,N``: Node 1's lines start with a tab."""
    rules = 0
    half = b""
    node = 0
    begins = True
    for number, text, whole in lines:
        line = text.rstrip()
        if begins and _RULE.fullmatch(line):
            rules += 1
            if rules == 3:
                raise CaptureError(f"line {number}: a second stream: decode one at a time")
        elif begins and _DUMP_HEAD.fullmatch(line):
            if line.startswith(b"Follow:") and not _FOLLOW.fullmatch(line):
                raise CaptureError(
                    f"a dump of {line[8:60].decode('latin-1')!a}: "
                    "only follow,tcp,raw and follow,tls,raw can be decoded"
                )
        elif line:
            if begins:
                node = 1 if line.startswith(b"\t") else 0
            digits = half + line.strip()
            cut = len(digits) & ~1
            try:
                data = bytes.fromhex(digits[:cut].decode("ascii"))
            except ValueError:
                raise _not_hex(number) from None
            half = digits[cut:]
            if whole and half:
                raise CaptureError(f"line {number} ends in the middle of a byte")
            missing = _MISSING.fullmatch(data)
            yield Record(node, b"", int(missing[1])) if missing else Record(node, data)
        begins = whole


class _Line(NamedTuple):
    number: int
    text: bytes
    whole: bool
    """Whether the line ends here; a long one comes in several parts."""


def _lines(pieces: Iterable[bytes], longest: int) -> Iterator[_Line]:
    """Lines, those longer than `longest` bytes in parts. CR LF is left on."""
    number = 1
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for text in whole:
            yield _Line(number, text, True)
            number += 1
        if len(rest) >= longest:
            yield _Line(number, rest, False)
            rest = b""
    if rest:
        yield _Line(number, rest, True)
