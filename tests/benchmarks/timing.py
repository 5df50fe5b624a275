"""Times jobs side by side. Knows nothing of what they do."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

__all__ = ["Job", "best_times"]

Job = Callable[[], object]


def best_times(jobs: Mapping[str, Job], rounds: int) -> dict[str, float]:
    """The shortest time that each job took, in nanoseconds.

    The jobs take turns, so that what else the machine does meets all of them alike, and
    the best of many rounds counts: all that can disturb a job makes it longer. What a job
    returns is let go when its time is taken, and then the garbage collector runs.
    """
    best = dict.fromkeys(jobs, float("inf"))
    for job in jobs.values():
        job()  # what is made but once, is made here
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    gc.freeze()
    try:
        for _ in range(rounds):
            for name, job in jobs.items():
                gc.collect()
                start = time.perf_counter_ns()
                result = job()
                best[name] = min(best[name], time.perf_counter_ns() - start)
                del result
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()
    return best
