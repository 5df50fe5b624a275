"""What runs: which mode of wsproto_core, on which Python and system."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from targets import Mode

import wsproto_core

__all__ = ["MODE", "PYTHON", "SYSTEM", "VERSION", "start_again_pure"]

MODE: Mode = "compiled" if wsproto_core.COMPILED else "pure"
VERSION = f"{wsproto_core.__version__} ({MODE} mode)"
PYTHON = f"{platform.python_implementation()} {platform.python_version()}"
SYSTEM = f"{platform.system()} {platform.machine()}"


def start_again_pure() -> None:
    """Run this program anew, with the ``.py`` files of a compiled install; if it is one."""
    if MODE == "pure":
        return
    folder = str(Path(__file__).parents[1] / "pure")  # has Python take the .py files
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if folder in folders:
        raise RuntimeError(f"the compiled modules run despite {folder}")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, *folders]))
    os.execv(sys.executable, [sys.executable, *sys.argv])
