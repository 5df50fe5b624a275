"""In which mode the tests run: as the package is installed, or as asked for."""

from __future__ import annotations

import gc
from pathlib import Path
from types import ModuleType

import modes
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# A machine that has other work to do must not fail a property: no example has a deadline.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("wsproto_core", "pure or compiled; without either, as it is installed")
    for mode, text in {
        "pure": "test the .py files; so does --cov, which cannot see into compiled modules",
        "compiled": "test the compiled modules, and fail where there are none",
    }.items():
        group.addoption(f"--{mode}", dest="mode", action="store_const", const=mode, help=text)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("cov_source", None):
        if config.option.mode == "compiled":
            raise pytest.UsageError("coverage cannot see into compiled modules")
        config.option.mode = "pure"
    if config.option.mode == "pure":
        modes.load_pure()
    compiled = modes.compiled_modules()
    if config.option.mode == "compiled" and not compiled:
        raise pytest.UsageError("the package is not compiled: install it with -C compile=yes")
    if stale := [module.__name__ for module in compiled if is_stale(module)]:
        raise pytest.UsageError(f"older than the sources, install it again: {', '.join(stale)}")
    config.option.mode = "compiled" if compiled else "pure"


def pytest_report_header(config: pytest.Config) -> str:
    return f"{modes.PACKAGE}: {config.option.mode}"


@pytest.fixture(scope="module", autouse=True)
def _garbage_of_before() -> None:
    """What is there already is not garbage: tests that collect some need not go through it."""
    gc.collect()
    if hasattr(gc, "freeze"):  # PyPy's collector has none
        gc.freeze()


def is_stale(module: ModuleType) -> bool:
    """Whether a compiled module of an editable install is older than its sources."""
    made = Path(str(module.__file__))
    source = made.with_name(f"{module.__name__.rpartition('.')[2]}.py")
    return ROOT in made.parents and any(
        made.stat().st_mtime < each.stat().st_mtime
        for each in [source, *source.parent.glob("*.pxd")]
    )
