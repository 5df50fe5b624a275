"""How the data of a message is read.

Like `masking.py` this module has a second body, `slots.pyx`, for where the package is
compiled. Here nothing is to be done: a property is the way to read what must not be set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .events import Message

__all__ = ["read_in_place"]


def read_in_place(kind: type[Message]) -> None:
    """Let `data` of the events of this type be read fast, and as before not be set."""
