"""Limits and timeouts: defaults, what is refused, and that they are values."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from wsproto_core import Limits, Timeouts

DEFAULTS = {
    "max_message_size": 1 << 20,
    "max_frame_size": None,
    "max_fragments": 16_384,
    "max_head_size": 65_536,
    "max_head_line": 8_192,
    "max_head_fields": 128,
    "max_early_data": 65_536,
    "max_reject_body": 1 << 20,
    "max_pending_pongs": 16,
}
MAY_BE_NONE = {"max_message_size", "max_frame_size"}
MAY_BE_ZERO = {"max_message_size", "max_frame_size", "max_early_data", "max_reject_body"}

each_limit = pytest.mark.parametrize("name", DEFAULTS)


def with_limit(name: str, value: Any) -> Limits:
    return Limits(**{name: value})


def test_defaults() -> None:
    assert dataclasses.asdict(Limits()) == DEFAULTS


@each_limit
def test_a_limit_is_taken_as_given(name: str) -> None:
    assert getattr(with_limit(name, 7), name) == 7


@each_limit
def test_none_means_no_limit_only_for_sizes_of_messages_and_frames(name: str) -> None:
    if name in MAY_BE_NONE:
        assert getattr(with_limit(name, None), name) is None
    else:
        with pytest.raises(TypeError, match=f"{name} must be an int, not NoneType"):
            with_limit(name, None)


@each_limit
def test_zero_is_refused_where_it_means_nothing(name: str) -> None:
    if name in MAY_BE_ZERO:
        assert getattr(with_limit(name, 0), name) == 0
    else:
        with pytest.raises(ValueError, match=f"{name} must be at least 1"):
            with_limit(name, 0)


@each_limit
def test_a_negative_limit_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least [01]"):
        with_limit(name, -1)


@each_limit
@pytest.mark.parametrize("value", [1.0, "1", True, b"1"])
def test_a_limit_that_is_no_integer_is_refused(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"{name} must be an int, not {type(value).__name__}"):
        with_limit(name, value)


def test_limits_are_values() -> None:
    limits = Limits(max_fragments=3)
    assert limits == Limits(max_fragments=3)
    assert limits != Limits(max_fragments=4)
    assert hash(limits) == hash(Limits(max_fragments=3))
    assert pickle.loads(pickle.dumps(limits)) == limits
    assert copy.deepcopy(limits) == limits
    assert dataclasses.replace(limits, max_fragments=5) == Limits(max_fragments=5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        limits.max_fragments = 9  # type: ignore[misc]


def test_replacing_a_limit_checks_it_again() -> None:
    with pytest.raises(ValueError, match="max_fragments"):
        dataclasses.replace(Limits(), max_fragments=0)


TIMEOUTS = {"opening": 10.0, "closing": 10.0, "ping": 20.0, "pong": 20.0, "eof": 10.0}
each_timeout = pytest.mark.parametrize("name", TIMEOUTS)


def with_timeout(name: str, value: Any) -> Timeouts:
    return Timeouts(**{name: value})


def test_default_timeouts() -> None:
    assert dataclasses.asdict(Timeouts()) == TIMEOUTS


@each_timeout
@pytest.mark.parametrize("value", [None, 7, 0.001, 1e308])
def test_a_timeout_is_taken_as_given(name: str, value: float | None) -> None:
    assert getattr(with_timeout(name, value), name) is value


@each_timeout
@pytest.mark.parametrize("value", [0, 0.0, -1, float("nan"), float("inf"), 10**400])
def test_a_timeout_that_is_not_positive_and_finite_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be positive and finite, or None"):
        with_timeout(name, value)


@each_timeout
@pytest.mark.parametrize("value", ["1", True, b"1", 1j])
def test_a_timeout_that_is_no_number_is_refused(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"{name} must be a number, not {type(value).__name__}"):
        with_timeout(name, value)


def test_timeouts_are_values() -> None:
    timeouts = Timeouts(ping=3)
    assert timeouts == Timeouts(ping=3)
    assert timeouts != Timeouts(ping=4)
    assert hash(timeouts) == hash(Timeouts(ping=3))
    assert pickle.loads(pickle.dumps(timeouts)) == timeouts
    with pytest.raises(dataclasses.FrozenInstanceError):
        timeouts.ping = 9  # type: ignore[misc]
    with pytest.raises(ValueError, match="ping"):
        dataclasses.replace(timeouts, ping=0)
