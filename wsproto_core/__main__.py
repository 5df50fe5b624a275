"""The command line: ``python -m wsproto_core``.

Takes arguments, reads files, knows the terminal. What is made of the bytes, and how
that looks, is up to `wsproto_core.cli`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, Final

from .cli.agreement import agreed_extensions
from .cli.capture import Capture, CaptureError, read_capture
from .cli.decode import Settings, decode_captures
from .cli.demo import talk
from .cli.json_lines import format_row
from .cli.rows import Row, Violation
from .cli.table import LEAST_WIDTH, Table
from .codes import Role
from .exceptions import HandshakeError
from .extensions.base import Extension
from .version import __version__

__all__ = ["main"]

_PIECE: Final = 64 << 10
_PIPED_WIDTH: Final = 100
_WIDEST: Final = 140
_JSON_PIECE: Final = 1 << 20

OK: Final = 0
VIOLATION: Final = 1
UNUSABLE: Final = 2
INTERRUPTED: Final = 130  # 128 + SIGINT
PIPE_CLOSED: Final = 141  # 128 + SIGPIPE

_DESCRIPTION: Final = "A WebSocket protocol engine without I/O, at work."

_DECODE: Final = """\
Show every event of a captured WebSocket connection with the bytes it was made from.

A FILE holds what one side sent, from its first byte on, or with --open from some
frame on. Give both sides' files to have the response checked against the request.
FILE may be:
  raw bytes
  hex text: pairs of digits; white space, "," ":" "-" and 0x are skipped
  the output of xxd or of hexdump -Cv
  a dump with both directions: tshark -q -z follow,tcp,raw,N (or follow,tls,raw,N)
Which of these is told by its first line; --hex and --raw say it. "-" is stdin.

Byte ranges count from 0; their end is not included. Payloads are cut to fit the
line; --json has all of them, a frame of more than 1 MiB in several objects.
"""

_DECODE_END: Final = """\
exit status:
  0  decoded; also if the capture is cut off inside a frame, or goes on after a Close
  1  a side broke the protocol; it is shown at which byte, and which section says so
  2  the input is missing, unreadable, empty, or not decodable

examples:
  python -m wsproto_core decode client.bin server.bin
  tshark -r trace.pcapng -q -z follow,tcp,raw,0 | python -m wsproto_core decode -
  echo 81 85 37 fa 21 3d 7f 9f 4d 51 58 | python -m wsproto_core decode --open -
  python -m wsproto_core decode --open --role server --deflate --json frames.bin
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and give its exit status."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except CaptureError as error:
        return _complain(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        return _complain(f"{where}{error.strerror or error}")
    return status


def _complain(message: str) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    print(f"wsproto_core: {message}", file=sys.stderr)
    return UNUSABLE


def _drop_output() -> None:
    """Let the interpreter find nothing to complain of when it flushes at its end."""
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "demo":
        return _show(talk(), _table(options))
    if options.command == "decode":
        if len(options.files) > 2:
            parser.error("one FILE for each direction: two at most")
        if options.files.count("-") > 1:
            parser.error("stdin can be read once only")
        return _decode(options)
    parser.print_help()
    return OK


def _decode(options: argparse.Namespace) -> int:
    settings = Settings(
        sender=None if options.role is None else Role(options.role),
        is_open=options.open,
        extensions=options.extensions,
    )
    if options.json:
        settings = replace(settings, keep=_JSON_PIECE, cut=False)
    with ExitStack() as stack:
        captures = [_capture(name, options.form, stack) for name in options.files]
        rows = decode_captures(captures, settings)
        return _show(rows, None if options.json else _table(options))


def _capture(name: str, form: str, stack: ExitStack) -> Capture:
    if name == "-":
        return read_capture("stdin", _pieces(sys.stdin.buffer), form)
    return read_capture(name, _pieces(stack.enter_context(open(name, "rb"))), form)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    # What read1 gives is shown before the next bytes of a pipe are waited for.
    read = getattr(file, "read1", file.read)
    while piece := read(_PIECE):
        yield piece


def _show(rows: Iterable[Row], table: Table | None) -> int:
    """Print the rows as they come: a table, or JSON where there is none."""
    status = OK
    for count, row in enumerate(rows):
        if table is not None and not count:
            print(table.head())
        if isinstance(row.event, Violation):
            status = VIOLATION
        for line in [format_row(row)] if table is None else table.lines(row):
            print(line)
    if table is not None:
        print()
        for line in table.summary():
            print(line)
    return status


def _table(options: argparse.Namespace) -> Table:
    terminal = sys.stdout.isatty()
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    colour = options.color == "always" or (options.color == "auto" and terminal and not plain)
    width = options.width
    if width is None:
        columns = shutil.get_terminal_size((_PIPED_WIDTH, 24)).columns
        width = min(columns, _WIDEST) if terminal else _PIPED_WIDTH
    try:
        "→…".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return Table(width=width, colour=colour, symbols=False)
    return Table(width=width, colour=colour, symbols=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m wsproto_core", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"wsproto_core {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    display = argparse.ArgumentParser(add_help=False)
    display.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours; auto: on a terminal, unless NO_COLOR is set (default: auto)",
    )
    display.add_argument(
        "--width",
        type=_width,
        metavar="COLUMNS",
        help=f"width of the table, {LEAST_WIDTH} or more "
        f"(default: the terminal's, {_PIPED_WIDTH} where there is none)",
    )
    commands.add_parser(
        "demo",
        parents=[display],
        help="let a client and a server in memory talk, and show every event",
        description="Let a client and a server in memory talk, and show every event that "
        "one of them receives with the bytes it was made from. Nothing leaves the process.",
    )
    decode = commands.add_parser(
        "decode",
        parents=[display],
        help="show every event of a captured connection",
        description=_DECODE,
        epilog=_DECODE_END,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_decode_options(decode)
    return parser


def _add_decode_options(decode: argparse.ArgumentParser) -> None:
    decode.add_argument("files", nargs="+", metavar="FILE", help='a captured stream; "-" is stdin')
    decode.add_argument(
        "--role",
        choices=("client", "server"),
        help="who sent the first FILE, or what a dump calls Node 0 (default: told by the first "
        "bytes: a request, a response, or with --open a masked frame or not)",
    )
    decode.add_argument(
        "--open",
        action="store_true",
        help="the streams start with a frame, behind the opening handshake",
    )
    agreed = decode.add_mutually_exclusive_group()
    agreed.add_argument(
        "--extensions",
        type=_extensions,
        metavar="FIELD",
        help="what was agreed, as in the response's Sec-WebSocket-Extensions, where FILE does "
        "not have it: with --open, or with the client's stream only",
    )
    agreed.add_argument(
        "--deflate",
        dest="extensions",
        action="store_const",
        const=agreed_extensions("permessage-deflate"),
        help="the same as --extensions permessage-deflate",
    )
    form = decode.add_mutually_exclusive_group()
    form.add_argument(
        "--hex", dest="form", action="store_const", const="hex", help="FILE is text, not raw bytes"
    )
    form.add_argument(
        "--raw", dest="form", action="store_const", const="raw", help="FILE is raw bytes, not text"
    )
    decode.set_defaults(form="auto")
    decode.add_argument("--json", action="store_true", help="one JSON object a line, no table")


def _width(text: str) -> int:
    width = int(text)
    if width < LEAST_WIDTH:
        raise argparse.ArgumentTypeError(f"at least {LEAST_WIDTH}")
    return width


def _extensions(text: str) -> tuple[Extension, ...]:
    try:
        return agreed_extensions(text)
    except HandshakeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
