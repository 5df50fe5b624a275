"""Run a program that was written for wsproto on this engine, as ``python PROGRAM`` would.

``python -m wsproto_core.compat PROGRAM ARGS...`` or ``-m MODULE ARGS...``. Processes that
the program starts with multiprocessing, whatever the method, run on this engine too.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing import spawn
from pkgutil import get_importer
from types import ModuleType
from typing import Any, Final, NoReturn

from . import install

__all__ = ["main"]

_USAGE: Final = """\
usage: python -m wsproto_core.compat PROGRAM ARGS...
       python -m wsproto_core.compat -m MODULE ARGS...

Run a program that imports wsproto on wsproto_core instead, unchanged.
PROGRAM and MODULE are as for python itself."""


# Whether python was told to look for nothing in the current directory.
_SAFE_PATH: Final[bool] = getattr(sys.flags, "safe_path", bool(sys.flags.isolated))


class _Installed:
    """What a process that starts anew unpickles before anything else: it installs too."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return install, ()


def _install() -> None:
    try:
        install()
    except ImportError as error:
        sys.exit(f"wsproto_core.compat: {error}")
    prepare = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        return {"wsproto_core.compat": _Installed(), **prepare(name)}

    spawn.get_preparation_data = get_preparation_data


def _fail(status: int, problem: str) -> NoReturn:
    print(f"wsproto_core.compat: {problem}", file=sys.stderr)
    sys.exit(status)


def _run_program(program: str) -> None:
    if not os.path.exists(program):
        _fail(2, f"cannot open {program!r}: there is no such file")
    path = os.path.abspath(program)
    archive = get_importer(path) is not None  # or a directory: runpy puts it on the path
    if not _SAFE_PATH:
        # What stands first is where this module was found from.
        sys.path[:1] = [] if archive else [os.path.dirname(os.path.realpath(path))]
    _install()
    if archive:
        runpy.run_path(program, run_name="__main__")
    else:
        _run_script(path)


def _run_script(path: str) -> None:
    # runpy would put a relative path in __file__, or an absolute one in sys.argv.
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    module = ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module
    exec(code, vars(module))  # noqa: S102


def _run_module(module: str) -> None:
    _install()
    try:
        spec = find_spec(module)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = find_spec(f"{module}.__main__")
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # a parent package lacks something
        spec = None
    if spec is None:
        _fail(1, f"no module named {module!r} that can be run")
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def main() -> None:
    """Run what the command line names, in this process."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(_USAGE)
    elif arguments[:1] == ["-m"] and len(arguments) > 1:
        sys.argv[:] = arguments[1:]
        _run_module(arguments[1])
    elif arguments and not arguments[0].startswith("-"):
        sys.argv[:] = arguments
        _run_program(arguments[0])
    else:
        print(_USAGE, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
