"""The tests that programs ship in their source distributions, as they are."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from processes import run


class Suite(NamedTuple):
    name: str
    version: str
    options: tuple[str, ...]
    """What is in a file of the repository that the source distribution lacks."""


SUITES = [
    Suite("trio_websocket", "0.12.2", ("-o", "trio_mode=true")),
    Suite("simple_websocket", "1.1.0", ("-p", "no:logging")),
    Suite("httpx_ws", "0.9.0", ("--no-cov",)),
]

ATTEMPTS = 3
"""How often a case may be tried that fails on compat and not on wsproto: some watch the clock."""


def compare(suite: Suite) -> Iterator[str]:
    """Run a suite on both, and say what came of it.

    Raises:
        AssertionError: a case failed on compat that did not fail on wsproto.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = _unpack(suite, Path(name))
        theirs = _run(suite, folder, "wsproto")
        ours = _run(suite, folder, "ours")
        assert len(theirs) > 40, f"{suite.name}: only {len(theirs)} cases"
        assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
        for attempt in range(1, ATTEMPTS):
            worse = only_ours(theirs, ours)
            if worse:
                yield f"{suite.name}: attempt {attempt}: {sorted(worse)}"
                ours = _run(suite, folder, "ours")
        worse = only_ours(theirs, ours)
        assert not worse, f"{suite.name}: fail on compat only: {sorted(worse)}"
        passed = [list(each.values()).count("passed") for each in (theirs, ours)]
        yield (
            f"{suite.name} {suite.version}: {len(theirs)} cases, "
            f"{passed[0]} pass on wsproto, {passed[1]} on compat"
        )


def only_ours(theirs: dict[str, str], ours: dict[str, str]) -> set[str]:
    """The cases that pass on wsproto and not on compat."""
    return {case for case in ours if theirs[case] == "passed" != ours[case]}


def _unpack(suite: Suite, folder: Path) -> Path:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--no-binary", ":all:", "--dest", str(folder), f"{suite.name}=={suite.version}"),
        ],
        check=True,
    )
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder / f"{suite.name}-{suite.version}"


def _run(suite: Suite, folder: Path, kind: str) -> dict[str, str]:
    """The outcome of each case."""
    report = folder.parent / "report.xml"
    report.unlink(missing_ok=True)
    done = run(
        kind,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "offline"),
        *("-o", "junit_family=xunit1", "--junit-xml", str(report), *suite.options),
        folder=folder,
        timeout=300,
    )
    assert done.returncode in (0, 1), f"{suite.name} on {kind}:\n{done.stdout}\n{done.stderr}"
    return {
        f"{case.get('classname')}::{case.get('name')}": next(
            (each.tag for each in case if each.tag in ("failure", "error", "skipped")), "passed"
        )
        for case in ET.parse(report).iter("testcase")
    }
