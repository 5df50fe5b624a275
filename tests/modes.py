"""The two modes of the package: compiled, or pure.

A compiled install has each compiled module twice: as an extension module, which Python
prefers, and as the `.py` file that it was made from. `load_pure` makes Python take the
`.py` files, in this process and in those that it starts; it must be called before anything
imports the package. For a program that does not call it there is

    PYTHONPATH=tests/pure python PROGRAM
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from types import ModuleType

PACKAGE = "wsproto_core"
TESTS = os.path.dirname(os.path.abspath(__file__))


class SourceFinder:
    """Finds the modules of the package as `.py` files, and as nothing else."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.startswith(f"{PACKAGE}."):
            for folder in path or ():
                finder = FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES))
                if spec := finder.find_spec(name):
                    return spec
        return None


def load_pure() -> None:
    """From now on, here and in child processes, import the package's `.py` files."""
    if PACKAGE in sys.modules:
        raise RuntimeError(f"{PACKAGE} is loaded already")
    sys.meta_path.insert(0, SourceFinder)
    path = [os.path.join(TESTS, "pure"), os.environ.get("PYTHONPATH", "")]
    if path[0] not in path[1].split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))


def pure_copy(*users: str) -> dict[str, ModuleType]:
    """The modules of the package once more, from `.py` files, beside those that are imported.

    `users` are modules that import it: with them come copies that use the copy. The two
    packages have nothing in common but the standard library and h11.
    """
    imported = _take_out(users)
    sys.meta_path.insert(0, SourceFinder)
    try:
        for name in (PACKAGE, *users):
            importlib.import_module(name)
    finally:
        sys.meta_path.remove(SourceFinder)
        copy = _take_out(users)
        sys.modules.update(imported)
    return copy


@contextmanager
def imported_instead(copy: Mapping[str, ModuleType]) -> Iterator[None]:
    """For a while, a copy of the package counts as imported: pickles are read with it."""
    imported = _take_out(copy)
    sys.modules.update(copy)
    try:
        yield
    finally:
        _take_out(copy)
        sys.modules.update(imported)


def _take_out(users: Iterable[str] = ()) -> dict[str, ModuleType]:
    """Remove the package, its modules and `users` from what counts as imported."""
    names = [name for name in sys.modules if name.partition(".")[0] == PACKAGE or name in users]
    return {name: sys.modules.pop(name) for name in names}


def compiled_modules() -> list[ModuleType]:
    """Those modules of the package that are imported from extension modules."""
    importlib.import_module(PACKAGE)
    return [
        module
        for name, module in sys.modules.items()
        if name.startswith(f"{PACKAGE}.")
        and str(module.__file__).endswith(tuple(EXTENSION_SUFFIXES))
    ]
