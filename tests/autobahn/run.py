"""Run Autobahn|Testsuite against both roles and compare with what is expected.

    python tests/autobahn/run.py --wstest "$(.ci/install-autobahn)" [--role server]

Run it where wsproto_core is installed; the suite has an environment of its own, with
CPython 2.7. Exits with 0 when each case asked for gave what `expected.json` says, in each
role, and with 1 otherwise: the suite's own exit code says nothing. All of it takes about
13 minutes on two cores. This module knows processes and files, and nothing of WebSocket.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import verdict

HERE = Path(__file__).resolve().parent
PROGRESS_EVERY = 30.0
START_WITHIN = 30.0
END_WITHIN = 30.0
LISTENING = re.compile(r"^listening on port (\d+)$", re.MULTILINE)
RUNNING = re.compile(r"^Running test case ID (\S+)", re.MULTILINE)


class TrialError(Exception):
    """A trial did not come to its end."""


class Child:
    """One process of a trial, its output in two files."""

    def __init__(self, name: str, command: list[str], folder: Path) -> None:
        self.name = name
        self.output = folder / f"{name}.out"
        self.errors = folder / f"{name}.err"
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=environment,
            )

    def said(self) -> str:
        return self.output.read_text("utf-8", "replace")

    def complaint(self) -> str:
        """Its last words on stderr, indented."""
        lines = self.errors.read_text("utf-8", "replace").splitlines()
        return "".join(f"\n    {line}" for line in lines[-30:])

    def wait_for_port(self) -> int:
        deadline = time.monotonic() + START_WITHIN
        while time.monotonic() < deadline:
            if found := LISTENING.search(self.said()):
                return int(found[1])
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise TrialError(f"the {self.name} did not start to listen{self.complaint()}")

    def must_have_succeeded(self) -> None:
        try:
            code = self.process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            raise TrialError(f"the {self.name} did not end") from None
        if code != 0:
            raise TrialError(f"the {self.name} ended with status {code}{self.complaint()}")

    def must_be_running(self) -> None:
        if (code := self.process.poll()) is not None:
            raise TrialError(f"the {self.name} ended early, status {code}{self.complaint()}")

    def must_have_raised_nothing(self) -> None:
        if "Traceback" in self.said() + self.errors.read_text("utf-8", "replace"):
            raise TrialError(f"the {self.name} had an exception{self.complaint()}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Trial:
    """One role of ours against the suite in the other."""

    def __init__(self, role: str, options: argparse.Namespace, folder: Path) -> None:
        self.role = role
        self.folder = folder
        self.options = options
        self.children: list[Child] = []
        self.done = False
        self.failure = ""
        self.cases_run = 0
        self.case = "none yet"
        self.began = self.progressed = time.monotonic()
        self.took = 0.0
        folder.mkdir()

    def start(self) -> None:
        """Start both processes, whichever listens first.

        Raises:
            TrialError: the one that listens did not start to.
        """
        peer = [*self.options.peer, self.role]
        suite = [str(self.options.python2), str(HERE / "suite.py")]
        spec: dict[str, object] = {
            "outdir": str(self.folder / "reports"),
            "cases": self.options.case_ids,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        if self.role == "server":
            self.peer = self._child("peer", peer)
            url = f"ws://127.0.0.1:{self.peer.wait_for_port()}"
            spec["servers"] = [{"agent": self.role, "url": url}]
            self.suite = self._child("suite", [*suite, "client", self._write(spec)])
        else:
            self.suite = self._child("suite", [*suite, "server", self._write(spec)])
            port = self.suite.wait_for_port()
            self.peer = self._child("peer", [*peer, str(port), self.role])

    def _child(self, name: str, command: list[str]) -> Child:
        child = Child(name, command, self.folder)
        self.children.append(child)
        return child

    def _write(self, spec: dict[str, object]) -> str:
        file = self.folder / "spec.json"
        file.write_text(json.dumps(spec), "utf-8")
        return str(file)

    def poll(self) -> None:
        """Look how far it is; sets `done` at the end.

        Raises:
            TrialError: it will not come to a good end.
        """
        now = time.monotonic()
        self.took = now - self.began
        running = RUNNING.findall(self.suite.said())
        if len(running) > self.cases_run:
            self.cases_run, self.case, self.progressed = len(running), running[-1], now
        # The client, of ours or of the suite, is the one that knows when all is done.
        client = self.suite if self.role == "server" else self.peer
        if client.process.poll() is not None:
            client.must_have_succeeded()
            if self.role == "server":
                self.peer.must_be_running()
                self.peer.stop()
            else:
                self.suite.must_have_succeeded()
            for child in self.children:
                child.must_have_raised_nothing()
            self.done = True
        elif self.role == "server":
            self.peer.must_be_running()
        if now - self.progressed > self.options.stall:
            raise TrialError(f"stalled for {self.options.stall:.0f} s in case {self.case}")

    def fail(self, error: TrialError) -> None:
        self.failure = str(error)
        self.done = True
        self.stop()

    def stop(self) -> None:
        for child in self.children:
            child.stop()

    def results(self) -> dict[str, verdict.Outcome]:
        return verdict.load_index(self.folder / "reports" / "index.json", self.role)

    def status(self) -> str:
        state = "done" if self.done else f"in case {self.case}"
        return f"{self.role} {state}, {self.cases_run} started"


def run_trials(trials: list[Trial]) -> None:
    """Run them all at once until each is done or has failed."""
    for trial in trials:
        attempt(trial, Trial.start)
    reported = time.monotonic()
    while pending := [trial for trial in trials if not trial.done]:
        time.sleep(0.2)
        for trial in pending:
            attempt(trial, Trial.poll)
        if time.monotonic() - reported >= PROGRESS_EVERY:
            reported = time.monotonic()
            print("  " + "; ".join(trial.status() for trial in trials), flush=True)


def attempt(trial: Trial, step: Callable[[Trial], None]) -> None:
    """Take one step of a trial; an error ends that trial, and no other."""
    try:
        step(trial)
    except TrialError as error:
        trial.fail(error)


def judge(trial: Trial, expected: dict[str, verdict.Outcome]) -> bool:
    """Print what became of one trial; whether it is as expected."""
    results = trial.results()
    wrong = verdict.differences(expected, results)
    if trial.failure:
        wrong.insert(0, trial.failure)
    judgement = "NOT AS EXPECTED" if wrong else "as expected"
    print(
        f"{trial.role}: {len(results)} cases in {trial.took:.0f} s, {judgement}: "
        f"{verdict.summary(results)}"
    )
    for line in wrong[:50]:
        print(f"  {line}")
    if len(wrong) > 50:
        print(f"  and {len(wrong) - 50} more")
    return not wrong


def interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def absolute_path(text: str) -> Path:
    return Path(text).absolute()


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line; adds what follows from it: python2, roles, the case ids."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add("--wstest", type=Path, default=shutil.which("wstest"), help="the suite's command")
    add("--role", choices=["server", "client", "both"], default="both", help="our role")
    add("--cases", default="*", help="shell patterns with commas between, as 1.*,7.1.6")
    add("--expected", type=Path, default=HERE / "expected.json", help="what must come out")
    add("--output", type=absolute_path, help="keep logs and reports in a new directory in this one")
    add("--stall", type=float, default=180.0, help="seconds without a new case that mean a hang")
    add("--peer", nargs="+", help="another peer's command, to try the runner or to compare")
    add("--record", type=Path, help="write the results of a single role as an expected file")
    options = parser.parse_args(argv)
    if options.wstest is None:
        parser.error("wstest is not on the PATH: give --wstest")
    options.python2 = options.wstest.absolute().with_name("python")
    if not options.python2.exists():
        parser.error(f"no python beside {options.wstest}")
    options.peer = options.peer or [sys.executable, str(HERE / "peer.py")]
    options.roles = ["server", "client"] if options.role == "both" else [options.role]
    if options.record and len(options.roles) > 1:
        parser.error("--record needs a single --role")
    options.case_ids = [options.cases]
    if options.cases != "*":
        try:
            options.case_ids = verdict.select(
                verdict.load_expected(options.expected), options.cases.split(",")
            )
        except ValueError as error:
            parser.error(str(error))
    return options


def main(argv: list[str]) -> int:
    """Run what the command line asks for; returns the exit status."""
    options = parse(argv)
    expected = {} if options.record else verdict.load_expected(options.expected)
    if expected and options.cases != "*":
        expected = {case: expected[case] for case in options.case_ids}
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, interrupt)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="autobahn-", dir=options.output))
    trials = [Trial(role, options, folder / role) for role in options.roles]
    interrupted = False
    try:
        run_trials(trials)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        for trial in trials:
            trial.stop()
    if interrupted:
        shutil.rmtree(folder)
        print("interrupted", file=sys.stderr)
        return 130
    if options.record:
        expected = trials[0].results()
        verdict.save_expected(options.record, expected)
    verdicts = [judge(trial, expected) for trial in trials]
    good = all(verdicts)
    if good and not options.output:
        shutil.rmtree(folder)
    else:
        print(f"logs and reports: {folder}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
