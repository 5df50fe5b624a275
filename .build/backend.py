"""The build backend: setuptools', but it compiles either all extension modules or none.

They use each other's C interfaces, so a package with only some of them would not import.
`-C compile=yes` fails where they cannot be built, `-C compile=no` makes the pure wheel.
Without either they are built if that works, and only on CPython: elsewhere the `.py` files
run faster.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

from setuptools import Distribution, Extension, build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

_CYTHON = {
    "cython_c_in_temp": True,  # the C files go to the build directory, not beside the sources
    "cython_directives": {
        "annotation_typing": False,  # a subclass of str is a str; C types are in the .pxd files
        "auto_pickle": False,  # pickles are the same in both modes
        "nonecheck": True,  # what no __init__ has set is an AttributeError, not a crash
        "freethreading_compatible": True,  # a Python without the global lock stays without it
    },
}

Settings = Mapping[str, Any]
Hook = Callable[[str, Settings | None, str | None], str]


def build_wheel(
    directory: str, settings: Settings | None = None, metadata: str | None = None
) -> str:
    """Build a wheel in `directory`; returns its name (PEP 517)."""
    return _build(build_meta.build_wheel, directory, settings, metadata)


def build_editable(
    directory: str, settings: Settings | None = None, metadata: str | None = None
) -> str:
    """Build the wheel of an editable install in `directory`; returns its name (PEP 660)."""
    for module in Path("wsproto_core").rglob(f"*{EXTENSION_SUFFIXES[0]}"):
        module.unlink()  # otherwise it would be in effect if this time nothing is compiled
    return _build(build_meta.build_editable, directory, settings, metadata)


def _build(hook: Hook, directory: str, settings: Settings | None, metadata: str | None) -> str:
    wanted = (settings or {}).get("compile")
    if wanted not in ("yes", "no", None):
        raise ValueError(f"compile={wanted}: it can be yes or no")
    able = sys.implementation.name == "cpython" and find_spec("Cython") is not None
    if wanted == "yes" or (wanted is None and able):
        from Cython.Compiler.Errors import CompileError

        try:
            settled = patch.multiple(Extension, create=True, **_CYTHON)
            with settled, _checked_self(), _kept_directives():
                return hook(directory, settings, metadata)
        except (CompileError, SystemExit) as reason:  # setuptools exits if a C compiler fails
            if wanted == "yes":
                raise
            print(f"wsproto_core is not compiled: {reason}", file=sys.stderr)
    with patch.object(Distribution, "has_ext_modules", return_value=False):
        return hook(directory, settings, metadata)


def _checked_self() -> AbstractContextManager[object]:
    """Have the methods of compiled classes check what they are called on.

    Python itself sees to that only where methods hide their signature (``binding=False``).
    Otherwise ``Connection.data_to_send(5)`` would read the number as if it were a connection.
    """
    from Cython.Compiler.Nodes import DefNode

    analyse = DefNode.analyse_signature

    def analyse_signature(method: DefNode, scope: object) -> None:
        analyse(method, scope)
        for argument in method.args[:1]:
            if argument.is_self_arg and not method.entry.is_special:
                argument.needs_type_test = True
                argument.accept_none = False

    return patch.object(DefNode, "analyse_signature", analyse_signature)


def _kept_directives() -> AbstractContextManager[object]:
    """Have what a .pxd says about the memory of a class hold for the class in the .py too.

    Cython forgets it there, and a decorator would have to be there when the .py runs.
    """
    from Cython.Compiler.Nodes import CClassDefNode
    from Cython.Compiler.Symtab import ModuleScope

    analyse = CClassDefNode.analyse_declarations

    def analyse_declarations(node: CClassDefNode, module: ModuleScope) -> None:
        declared = module.lookup_here(node.class_name)
        scope = declared.type.scope if declared else None
        known = scope.directives if scope else {}
        analyse(node, module)
        if kept := {name: known[name] for name in ("freelist", "no_gc") if known.get(name)}:
            node.scope.directives = {**node.scope.directives, **kept}

    return patch.object(CClassDefNode, "analyse_declarations", analyse_declarations)
