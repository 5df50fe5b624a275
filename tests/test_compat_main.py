"""``python -m wsproto_core.compat``: programs run as ``python`` would run them, but on ours."""

from __future__ import annotations

import runpy
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from multiprocessing import spawn
from pathlib import Path

import pytest
from compat_api import THEIRS, without_wsproto

from wsproto_core import compat
from wsproto_core.compat.__main__ import main

SHOW = """\
import sys, wsproto
from pathlib import Path
assert __file__ == str(Path(__file__).absolute()), __file__
assert sys.modules[__name__].sys is sys
print(wsproto.__spec__.origin, __name__, sys.argv, Path(sys.path[0]).resolve().name)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "programs" / "show.py"
    path.parent.mkdir()
    path.write_text(SHOW)
    return path


def run(
    *arguments: object, folder: Path | None = None, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-m", "wsproto_core.compat", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
    )


def test_a_program_finds_ours_its_arguments_and_its_neighbours(program: Path) -> None:
    done = run(program, "a", "-b", "--", folder=program.parents[1])
    assert done.stderr == ""
    assert done.stdout.split(" ", 1)[0] == "wsproto_core.compat"
    assert done.stdout.endswith(f"__main__ {[str(program), 'a', '-b', '--']} programs\n")


def test_a_program_means_what_it_says(program: Path) -> None:
    """Not what it would say among our imports from the future."""
    program.write_text("def f(x: 1 + 1): ...\nprint(f.__annotations__)")
    assert run(program).stdout == "{'x': 2}\n"


def test_a_program_given_by_a_link_finds_the_neighbours_of_what_it_links_to(program: Path) -> None:
    link = program.parents[1] / "link.py"
    link.symlink_to(program)
    assert run("link.py", folder=link.parent).stdout.endswith("['link.py'] programs\n")


def test_a_directory_runs_its_main_module(program: Path) -> None:
    program.rename(program.with_name("__main__.py"))
    done = run("programs", "a", folder=program.parents[1])
    assert done.stdout.endswith("__main__ ['programs', 'a'] programs\n")


def test_an_archive_runs_its_main_module(program: Path) -> None:
    archive = program.parents[1] / "archive.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("__main__.py", SHOW)
    assert run(archive, "a").stdout.endswith(f"__main__ {[str(archive), 'a']} archive.pyz\n")


def test_a_module_runs_and_finds_what_is_in_the_current_directory(program: Path) -> None:
    done = run("-m", "programs.show", "-x", folder=program.parents[1])
    assert done.stdout.endswith(f"__main__ {[str(program), '-x']} {program.parents[1].name}\n")


def test_a_safe_path_stays_safe(program: Path) -> None:
    done = run(program, options=("-I",))
    assert done.stdout.startswith("wsproto_core.compat __main__ ")
    assert not done.stdout.endswith(" programs\n")


def test_the_exit_status_is_the_programs(program: Path) -> None:
    program.write_text("import wsproto, sys; sys.exit(7)")
    assert run(program).returncode == 7
    program.write_text("import wsproto; sys.exit('sorry')".replace("sys", "__import__('sys')"))
    done = run(program)
    assert (done.returncode, done.stderr) == (1, "sorry\n")
    program.write_text("import wsproto; wsproto.nothing")
    done = run(program)
    assert done.returncode == 1
    assert done.stderr.endswith("AttributeError: module 'wsproto' has no attribute 'nothing'\n")


def test_ctrl_c_ends_a_program_as_it_would_without_us(program: Path) -> None:
    program.write_text(
        "import signal, wsproto\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "wsproto_core.compat", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, problem = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert problem.endswith("KeyboardInterrupt\n")


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_processes_that_a_program_starts_find_ours_too(program: Path, method: str) -> None:
    program.write_text(
        "import multiprocessing, wsproto\n"
        "def find(kind):\n"
        "    return wsproto.__spec__.origin, kind is wsproto.events.Ping\n"
        "if __name__ == '__main__':\n"
        f"    with multiprocessing.get_context({method!r}).Pool(1) as pool:\n"
        "        print(*pool.apply(find, [wsproto.events.Ping]))\n"
    )
    done = run(program)
    assert done.stdout == "wsproto_core.compat True\n", done.stderr


# What is wrong, in this process


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever `main` changes is put back."""
    monkeypatch.setattr(spawn, "get_preparation_data", spawn.get_preparation_data)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    with without_wsproto():
        yield


def ends(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> object:
    """Run `main`, and give the exit status."""
    monkeypatch.setattr(sys, "argv", ["compat", *map(str, arguments)])
    with pytest.raises(SystemExit) as error:
        main()
    return error.value.code


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("arguments", [[], ["-m"], ["-x"], [""]])
def test_no_program_is_a_mistake_of_usage(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(monkeypatch, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: ") or "there is no such file" in err


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_no_mistake(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["compat", option])
    main()
    assert capsys.readouterr().out.startswith("usage: python -m wsproto_core.compat PROGRAM")


@pytest.mark.usefixtures("untouched")
def test_a_program_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(monkeypatch, "nothing.py") == 2
    assert "cannot open 'nothing.py'" in capsys.readouterr().err


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", ["no_such_module", "no_such.module", "json.nothing", "json"])
def test_a_module_that_is_not_there_or_cannot_be_run(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(monkeypatch, "-m", name) == 1
    assert f"no module named {name!r} that can be run" in capsys.readouterr().err


@pytest.mark.usefixtures("untouched")
def test_a_module_whose_package_lacks_something_says_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package").mkdir()
    (tmp_path / "broken_package" / "__init__.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "argv", ["compat", "-m", "broken_package.module"])
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        main()


def test_a_process_that_has_wsproto_already_says_so(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", sys.path[:])
    assert sys.modules["wsproto"] is THEIRS
    status = ends(monkeypatch, program)
    assert str(status).startswith("wsproto_core.compat: wsproto is imported already, from ")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("safe", [False, True])
def test_a_program_in_this_process(
    program: Path,
    safe: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("wsproto_core.compat.__main__._SAFE_PATH", safe)
    monkeypatch.setattr(sys, "argv", ["compat", str(program), "a"])
    path = sys.path[:]
    main()
    assert capsys.readouterr().out.startswith(f"wsproto_core.compat __main__ {[str(program), 'a']}")
    assert sys.path[1:] == path[1:]
    assert sys.path[0] == (path[0] if safe else str(program.parent.resolve()))
    told = spawn.get_preparation_data("child")
    assert next(iter(told)) == "wsproto_core.compat"
    assert told["wsproto_core.compat"].__reduce__() == (compat.install, ())


def test_it_is_a_program_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["compat", "--help"])
    monkeypatch.delitem(sys.modules, "wsproto_core.compat.__main__")
    runpy.run_module("wsproto_core.compat", run_name="__main__")
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.usefixtures("untouched")
def test_a_module_in_this_process(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(program.parents[1])
    (program.parent / "__main__.py").write_text(SHOW)
    for module in ("programs.show", "programs"):
        monkeypatch.setattr(sys, "argv", ["compat", "-m", module, "a"])
        main()
        assert capsys.readouterr().out.startswith("wsproto_core.compat __main__ ")


@pytest.mark.usefixtures("untouched")
def test_a_directory_in_this_process(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program.rename(program.with_name("__main__.py"))
    before = sys.path[1:]
    monkeypatch.setattr(sys, "argv", ["compat", str(program.parent)])
    main()
    assert capsys.readouterr().out.endswith("programs\n")
    assert sys.path == before
