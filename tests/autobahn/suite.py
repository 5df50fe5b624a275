"""Start Autobahn|Testsuite: `python2.7 suite.py client|server SPEC.json`.

This runs under the suite's own CPython 2.7 and knows nothing of the peer. It is here
because the suite's own command listens on all interfaces, on a port chosen beforehand.
"""

from __future__ import absolute_import, print_function

import json
import socket
import sys

from autobahntestsuite import (
    choosereactor,  # noqa: F401  installs the reactor: must be first
    fuzzing,
)
from twisted.internet import reactor


def start_server(spec):
    """Offer the cases on a free port of the loopback interface, and say which."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    listener.setblocking(False)
    port = listener.getsockname()[1]
    factory = fuzzing.FuzzingServerFactory(dict(spec, url="ws://127.0.0.1:%d" % port))
    reactor.adoptStreamPort(listener.fileno(), socket.AF_INET, factory)
    listener.close()
    print("listening on port %d" % port)


def main(mode, spec_file):
    """Run the suite until it stops its reactor."""
    with open(spec_file) as file:
        spec = json.load(file)
    if mode == "server":
        start_server(spec)
    else:
        fuzzing.startClient(spec)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
