"""What runs: which mode of wsproto_core, on which Python and system."""

from __future__ import annotations

import platform

from targets import Mode

import wsproto_core

__all__ = ["MODE", "PYTHON", "SYSTEM", "VERSION"]

MODE: Mode = "compiled" if getattr(wsproto_core, "COMPILED", False) else "pure"
VERSION = f"{wsproto_core.__version__} ({MODE} mode)"
PYTHON = f"{platform.python_implementation()} {platform.python_version()}"
SYSTEM = f"{platform.system()} {platform.machine()}"
