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
        for attempt in range(ATTEMPTS):
            failed = {case for case in ours if ours[case] != "passed"}
            worse = {case for case in failed if theirs[case] == "passed"}
            if not worse:
                break
            yield f"{suite.name}: attempt {attempt + 1}: {sorted(worse)}"
            ours = _run(suite, folder, "ours")
        assert not worse, f"{suite.name}: fail on compat only: {sorted(worse)}"
        passed = list(theirs.values()).count("passed")
        yield (
            f"{suite.name} {suite.version}: {len(theirs)} cases, "
            f"{passed} pass on wsproto, {len(ours) - len(failed)} on compat"
        )


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
