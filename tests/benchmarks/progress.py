"""Tells the user on stderr what takes so long."""

from __future__ import annotations

import sys

__all__ = ["clear", "show"]


def show(text: str) -> None:
    """Show what is being done; on a terminal in one line that does not stay."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
    else:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def clear() -> None:
    """Leave the terminal as it was."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()
