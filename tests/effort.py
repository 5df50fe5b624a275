"""How long the properties are searched for a counterexample.

``HYPOTHESIS_PROFILE=deep`` runs fifty times as many examples of each.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_FACTORS = {"quick": 1, "deep": 50}
_FACTOR = _FACTORS[os.environ.get("HYPOTHESIS_PROFILE", "quick")]


def examples(count: int) -> settings:
    """Settings for a property: `count` examples, without a deadline for each."""
    return settings(
        max_examples=count * _FACTOR,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
