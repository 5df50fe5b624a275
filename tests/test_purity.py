"""No I/O, no clock, no environment: what the modules import and call, and in what order."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wsproto_core

PACKAGE = Path(wsproto_core.__file__).parent
SOURCES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# Each module imports only from those before it. `extensions` is its __init__.
LAYERS = [
    "version",
    "codes",
    "types",
    "exceptions",
    "config",
    "state",
    "masking",
    "masking_keys",
    "utf8",
    "output",
    "frames",
    "extensions.__init__",
    "extensions.base",
    "extensions.deflate_codec",
    "extensions.permessage_deflate",
    "headers",
    "basic_auth",
    "uri",
    "slots",
    "events",
    "timers",
    "message_reader",
    "message_writer",
    "sender",
    "handshake",
    "carrier",
    "http1",
    "extended_connect",
    "inlined",
    "endpoint",
    "connection",
    "broadcast",
    "client",
    "server",
    "proxy",
    "__init__",
    # wsproto's names; nothing imports them.
    "compat.codes",
    "compat.events",
    "compat.extensions",
    "compat.connection",
    "compat.headers",
    "compat.handshake",
    "compat.__init__",
]

# Behind all of them comes the command line: it may import from each, and none from it.
COMMAND_LINE = {name for name in SOURCES if name.endswith("__main__") or name.startswith("cli.")}
ENGINE = [name for name in SOURCES if name not in COMMAND_LINE]

# For type checkers only, and against the order: the names of types that are needed
# to annotate values which the lower module merely holds.
ANNOTATIONS_AGAINST_THE_ORDER = {
    ("exceptions", "state"),
    ("extensions.deflate_codec", "extensions.permessage_deflate"),
    ("slots", "events"),
    ("inlined", "endpoint"),
    ("compat.events", "compat.extensions"),
}

# What a module of an engine without I/O may import; everything else it may not.
ALLOWED = {
    "__future__",
    "abc",
    "base64",
    "codecs",
    "collections",
    "collections.abc",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "http",  # HTTPStatus, a table
    "inspect",  # Signature: what help shows of compiled classes
    "importlib",  # import_module: a zlib backend travels in a pickle as its name
    "importlib.abc",
    "importlib.machinery",
    "ipaddress",
    "itertools",
    "math",
    "re",
    "secrets",
    "sys",
    "types",
    "typing",
    "typing_extensions",
    "urllib.parse",
    "zlib",
}
ONLY_IN = {
    "h11": {"http1"},
    "secrets": {"endpoint", "connection", "client", "server", "compat.headers"},
    "importlib": {"extensions.permessage_deflate", "compat.__init__"},
    "importlib.abc": {"compat.__init__"},
    "importlib.machinery": {"compat.__init__"},
    "typing_extensions": {"server"},
}

# I/O, clocks, environment, threads and processes: never to be seen in sys.modules after
# an import of the package, but for what h11 or the standard library itself brings in.
FORBIDDEN = {
    "asyncio",
    "concurrent",
    "logging",
    "multiprocessing",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
}

MAY_IMPORT = {
    "__main__": {"os"},
    "compat.__main__": {"os", "multiprocessing"},  # to tell processes that the program starts
}

FORBIDDEN_CALLS = {"open", "input", "print", "exec", "eval", "compile", "__import__", "breakpoint"}
FORBIDDEN_ATTRIBUTES = {
    ("os", "environ"),
    ("os", "getenv"),
    ("sys", "argv"),
    ("sys", "stdin"),
    ("sys", "stdout"),
    ("sys", "stderr"),
}

engine_modules = pytest.mark.parametrize("name", ENGINE)


def tree(name: str) -> ast.Module:
    return ast.parse(SOURCES[name].read_text(encoding="utf-8"))


def guarded(module: ast.Module) -> set[ast.AST]:
    """The nodes below ``if TYPE_CHECKING:``."""
    found: set[ast.AST] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for child in node.body:
                found.update(ast.walk(child))
    return found


def imports(name: str) -> list[tuple[str, bool]]:
    """What a module imports: absolute names, and whether it is for type checkers only.

    Our own modules are named as in LAYERS, with a dot in front.
    """
    module = tree(name)
    hidden = guarded(module)
    found: list[tuple[str, bool]] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found.extend((alias.name, node in hidden) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                package = name.split(".")[: -node.level]
                base = ".".join([*package, *([node.module] if node.module else [])])
                if base in SOURCES:
                    found.append((f".{base}", node in hidden))
                else:
                    prefix = f"{base}." if base else ""
                    found.extend((f".{prefix}{alias.name}", node in hidden) for alias in node.names)
            else:
                assert node.module is not None
                found.append((node.module, node in hidden))
    return found


def test_every_module_has_its_place_in_the_order() -> None:
    assert sorted(ENGINE) == sorted(LAYERS)


@engine_modules
def test_a_module_imports_only_from_those_before_it(name: str) -> None:
    place = LAYERS.index(name)
    for imported, for_types_only in imports(name):
        if imported.startswith("."):
            own = imported[1:]
            assert own in LAYERS, f"{name} imports {imported}"
            if for_types_only and (name, own) in ANNOTATIONS_AGAINST_THE_ORDER:
                continue
            assert LAYERS.index(own) < place, f"{name} imports {own}"


@engine_modules
def test_a_module_imports_nothing_that_does_io(name: str) -> None:
    for imported, _ in imports(name):
        if not imported.startswith("."):
            assert imported in ALLOWED | {"h11"}, f"{name} imports {imported}"
            assert name in ONLY_IN.get(imported, {name}), f"{name} imports {imported}"


def test_the_exceptions_to_the_order_are_all_needed() -> None:
    used = {
        (name, imported[1:])
        for name in SOURCES
        for imported, for_types_only in imports(name)
        if for_types_only
    }
    assert used >= ANNOTATIONS_AGAINST_THE_ORDER


@pytest.mark.parametrize("name", sorted(COMMAND_LINE))
def test_the_command_line_has_no_network_clock_or_process_either(name: str) -> None:
    for imported, _ in imports(name):
        outside = FORBIDDEN | {"time", "os"}
        assert imported.partition(".")[0] not in outside - MAY_IMPORT.get(name, set())


def test_h11_is_imported_by_one_module() -> None:
    users = {name for name in SOURCES for imported, _ in imports(name) if "h11" in imported}
    assert users == {"http1"}


@engine_modules
def test_a_module_reads_no_file_environment_or_stream(name: str) -> None:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS, f"{name}:{node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in FORBIDDEN_ATTRIBUTES, f"{name}:{node.lineno}"


@pytest.mark.parametrize("name", SOURCES)
def test_imports_stand_at_the_top(name: str) -> None:
    module = tree(name)
    top = {node for node in module.body if isinstance(node, (ast.Import, ast.ImportFrom))}
    for node in ast.walk(module):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            assert node in top | guarded(module), f"{name}:{node.lineno}"


@pytest.mark.parametrize("name", SOURCES)
def test_no_handler_catches_everything(name: str) -> None:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{name}:{node.lineno}"
            caught = ast.unparse(node.type)
            assert caught not in ("Exception", "BaseException"), f"{name}:{node.lineno}"


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after `statement`."""
    program = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


def test_importing_the_package_loads_nothing_that_does_io() -> None:
    # What the allowed part of the standard library and h11 load is not our doing.
    outside = sorted((ALLOWED | {"h11"}) - {"typing_extensions"})
    # From Python 3.15 on, dataclasses imports what it needs when it is used.
    use = "dataclasses.make_dataclass('Used', ['field'], slots=True)"
    theirs = loaded_by(f"import {', '.join(outside)}; {use}")
    ours = loaded_by("import wsproto_core") - theirs
    assert {name for name in ours if name.partition(".")[0] in FORBIDDEN} == set()
    others = {name for name in ours if name.partition(".")[0] != "wsproto_core"}
    # Compiled modules share two that are Cython's.
    assert {name for name in others if not re.match(r"cython_runtime$|_cython_\d", name)} == set()


def test_importing_the_package_loads_no_socket_event_loop_or_tls() -> None:
    loaded = {name.partition(".")[0] for name in loaded_by("import wsproto_core")}
    started = {name.partition(".")[0] for name in loaded_by("pass")}
    assert (loaded - started) & {"asyncio", "select", "selectors", "socket", "ssl"} == set()
