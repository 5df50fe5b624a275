"""How much is tried.

``HYPOTHESIS_PROFILE=deep`` runs fifty times as many examples of each property.
``EXHAUSTIVE=1`` goes through all cases where otherwise those at the borders do; CI does
that on one version of Python.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXHAUSTIVE = os.environ.get("EXHAUSTIVE") == "1"

_FACTORS = {"quick": 1, "deep": 50}
_FACTOR = _FACTORS[os.environ.get("HYPOTHESIS_PROFILE", "quick")]


def examples(count: int) -> settings:
    """Settings for a property: `count` examples."""
    return settings(
        max_examples=count * _FACTOR,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
