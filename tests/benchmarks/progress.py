"""Tells the user on stderr what takes so long."""

from __future__ import annotations

import sys

__all__ = ["Progress"]


class Progress:
    """On a terminal one line that changes and does not stay; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._part = ""

    def show(self, part: str, detail: str) -> None:
        """Say what is being done: which part of the whole, and what of that."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{part}, {detail}")
            sys.stderr.flush()
        elif part != self._part:
            sys.stderr.write(f"{part}\n")
            sys.stderr.flush()
        self._part = part

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
