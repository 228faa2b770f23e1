"""Start one notebook, in a fork of a warm parent where there is one, else in this process.

`python -m tst.study.start_notebook` takes the arguments of `tst.study.run_notebook`. Only the
standard library is imported before it is known who runs it (`tst.study.warm_parent`).
"""

import json
import os
import socket
import sys
from collections.abc import Sequence
from importlib import import_module

from tst.io import paths


def main(arguments: Sequence[str]) -> int:
    """Run a notebook; return 0, or 1 after one sentence on stderr."""
    parent = paths.warm_socket()
    with socket.socket(socket.AF_UNIX) as connection:
        if parent is not None and connection.connect_ex(str(parent)) == 0:
            return _ask(connection, arguments)
    code: int = import_module("tst.study.run_notebook").main(arguments)
    return code


def _ask(connection: socket.socket, arguments: Sequence[str]) -> int:
    """Hand arguments, folder, environment and outputs to a warm parent; return the exit code."""
    request = {
        "arguments": list(arguments),
        "folder": os.getcwd(),
        "environment": paths.environment(),
    }
    socket.send_fds(connection, [b" "], [1, 2])
    connection.sendall(json.dumps(request).encode() + b"\n")
    code = connection.recv(1)
    if not code:
        print(
            f"{arguments[0]}: its process was killed, as the system does where memory runs out; "
            "free some, then run the same command again.",
            file=sys.stderr,
        )
    return code[0] if code else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
