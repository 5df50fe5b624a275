"""Real programs on wsproto and on wsproto_core.compat: what is seen of them is the same.
And a real browser with the example for HTTP/2.

Run with the interpreter of an environment that has requirements.txt and this package, and
Chromium on the PATH; `run.py NAME...` runs only some of the scenarios.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator

from browser_http2 import browse_http2
from clients import ask_who, break_rules, browse, server_view, talk, talk_http2
from processes import LAUNCHERS, run, server
from suites import SUITES, compare

UVICORN = ("-m", "uvicorn", "apps:asgi", "--port", "0", "--ws", "wsproto")
LIMITED = (*UVICORN, "--ws-max-size", "300000")
HYPERCORN = ("-m", "hypercorn", "apps:asgi", "--bind", "127.0.0.1:0", "--keep-alive", "1")

Client = Callable[[int], Iterator[object]]


def served(arguments: tuple[str, ...], *clients: Client) -> Callable[[str], list[str]]:
    """What clients see of a server, after it was made sure which wsproto it has."""

    def scenario(kind: str) -> list[str]:
        with server(kind, *arguments) as running:
            who = ask_who(running.port)
            assert who == kind, f"the server runs on {who}"
            return [repr(line) for client in clients for line in client(running.port)]

    return scenario


def programmed(*arguments: str) -> Callable[[str], list[str]]:
    """What a program prints, in any order; it says itself which wsproto it has."""

    def scenario(kind: str) -> list[str]:
        return _printed(kind, *arguments)

    return scenario


def httpx_ws(kind: str) -> list[str]:
    with server(kind, *LIMITED) as running:
        return _printed(kind, "programs/httpx_client.py", str(running.port))


def _printed(kind: str, *arguments: str) -> list[str]:
    done = run(kind, *arguments)
    assert done.returncode == 0, f"{arguments} on {kind}:\n{done.stdout}\n{done.stderr}"
    lines = done.stdout.splitlines()
    assert f"who {kind}" in lines, f"{arguments} runs on something else:\n{done.stdout}"
    return sorted(line for line in lines if not line.startswith("who "))


SCENARIOS: dict[str, Callable[[str], list[str]]] = {
    "uvicorn, websockets client": served(LIMITED, talk, break_rules, server_view),
    "uvicorn, Chromium": served(UVICORN, browse),
    "uvicorn, two workers": served((*LIMITED, "--workers", "2"), talk),
    "uvicorn, reloading": served((*LIMITED, "--reload"), talk),
    "hypercorn, websockets client": served(HYPERCORN, talk, break_rules),
    "hypercorn, HTTP/2": served(HYPERCORN, talk_http2),
    "hypercorn, Chromium": served(HYPERCORN, browse),
    "trio-websocket, both sides": programmed("programs/trio_pair.py"),
    "simple-websocket under Werkzeug": programmed("programs/simple_pair.py"),
    "httpx-ws, uvicorn": httpx_ws,
}


def check(name: str) -> Iterator[str]:
    scenario = SCENARIOS[name]
    theirs, ours = (scenario(kind) for kind in LAUNCHERS)
    if ours != theirs:
        lines = zip(theirs, ours, strict=False)
        where = next((at for at, (one, other) in enumerate(lines) if one != other), -1)
        raise AssertionError(
            f"{name}: line {where}: wsproto {theirs[where:][:3]}, compat {ours[where:][:3]}"
        )
    yield f"{name}: the same, {len(ours)} observations"


def main() -> None:
    checks: dict[str, Callable[[], Iterator[str]]] = {}
    for name in SCENARIOS:
        checks[name] = lambda name=name: check(name)  # type: ignore[misc]
    checks["the example for HTTP/2, Chromium"] = browse_http2
    for suite in SUITES:
        checks[suite.name] = lambda suite=suite: compare(suite)  # type: ignore[misc]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {'; '.join(checks)}")
    names = parser.parse_args().names or list(checks)
    assert set(names) <= set(checks), f"no {set(names) - set(checks)}"
    failed = 0
    for name in names:
        started = time.monotonic()
        try:
            for line in checks[name]():
                print(f"{line} ({time.monotonic() - started:.0f} s)", flush=True)
        except (AssertionError, OSError, TimeoutError) as error:
            failed += 1
            print(f"FAILED {name}: {error}", flush=True)
    sys.exit(f"{failed} of {len(names)} failed" if failed else 0)


if __name__ == "__main__":
    main()
