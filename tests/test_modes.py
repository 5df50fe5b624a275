"""The mode is the one that was asked for, here and in what the tests start."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import modes
import pytest

import wsproto_core

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import json, sys, wsproto_core
ours = {name: module.__file__ for name, module in sys.modules.items()
        if name.partition(".")[0] == "wsproto_core"}
print(json.dumps(ours))
"""


def listed() -> set[str]:
    """The extension modules that pyproject.toml has."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    return set(re.findall(r'{ *name = "(wsproto_core\.[\w.]+)"', text))


def loaded() -> dict[str, str | None]:
    """The files that the modules of the package come from."""
    return {
        name: module.__file__
        for name, module in sys.modules.items()
        if name.partition(".")[0] == modes.PACKAGE
    }


def test_all_extension_modules_are_in_use_or_none_is(pytestconfig: pytest.Config) -> None:
    compiled = {module.__name__ for module in modes.compiled_modules()}
    assert compiled == (listed() if pytestconfig.option.mode == "compiled" else set())
    assert wsproto_core.COMPILED is bool(compiled)


def test_every_other_module_is_a_source_file() -> None:
    compiled = {module.__name__ for module in modes.compiled_modules()}
    for name, file in loaded().items():
        assert str(file).endswith(".py") or name in compiled


def test_child_processes_load_the_same_files() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    theirs: dict[str, str] = json.loads(done.stdout)
    assert theirs.items() <= loaded().items()
    assert "wsproto_core.connection" in theirs


def test_a_pure_copy_is_pure_and_leaves_the_package_alone() -> None:
    before = dict(sys.modules)
    modules = modes.pure_copy("wire")
    copy: Any = modules["wsproto_core"]
    assert {name: each for name, each in sys.modules.items() if each is not before.get(name)} == {}
    assert copy is not wsproto_core
    assert copy.__file__ == wsproto_core.__file__
    assert str(copy.output.__file__).endswith(".py")
    assert copy.Ping is not wsproto_core.Ping
    assert vars(modules["wire"])["Request"] is copy.Request
    pickled = pickle.dumps(wsproto_core.Ping(b"x"))
    assert pickle.loads(pickled) == wsproto_core.Ping(b"x")
    with modes.imported_instead(modules):
        assert pickle.loads(pickled) == copy.Ping(b"x")
    assert pickle.loads(pickled) == wsproto_core.Ping(b"x")


def test_once_the_package_is_loaded_it_is_too_late_to_ask_for_the_sources() -> None:
    with pytest.raises(RuntimeError, match="loaded already"):
        modes.load_pure()
