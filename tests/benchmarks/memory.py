"""How much memory an open connection takes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

__all__ = ["bytes_each"]

_T = TypeVar("_T")


def bytes_each(make: Callable[[], _T], kept: Callable[[_T], object], count: int) -> float:
    """The memory of what `make` makes, in bytes, an average over `count` of them.

    What `kept` gives of it does not count: all is dropped but that, and what this frees
    is the answer. tracemalloc sees what Python's allocators give out, to compiled code
    too; what C takes from the system itself it does not see.
    """
    make()  # what is made but once, is made here
    enabled = gc.isenabled()
    gc.disable()
    tracemalloc.start()
    try:
        made = [make() for _ in range(count)]
        rest = [kept(each) for each in made]
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        made[:] = [rest[0]] * count  # type: ignore[list-item]
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        if enabled:
            gc.enable()
    return (before - after) / count
