"""Keeps what the system does from being taken for what an engine does."""

from __future__ import annotations

import ctypes

__all__ = ["keep_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # names of options in glibc's <malloc.h>
_MOST = (1 << 31) - 1


def keep_memory() -> None:
    """Have the C library keep memory that is freed, where it is one that can be told.

    Else it gives large blocks back to the system and takes them anew, or does not: that
    depends on what the process did before, and can cost more than to fill them, on a
    virtual machine many times more. Among these are the 256 KiB that asyncio asks for at
    every read.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _MOST)
        mallopt(_M_MMAP_MAX, 0)
