"""What lies on a simulated phone as `benchmark_model`: hands its arguments to the phone, prints what comes back.

Standard library only, started with -S -E -I: it must be there at once. The first argument is the file that names the
phone's port and token; the phone answers lines of JSON: {"out": TEXT}, {"err": TEXT}, {"exit": N} or {"signal": N}.
"""

import json
import os
import signal
import socket
import sys


def main() -> int:
    """Be the tool. Returns its exit status."""
    with open(sys.argv[1], encoding="ascii") as file:  # noqa: PTH123 - pathlib is an import too many here
        address = json.load(file)
    told = {"token": address["token"], "pid": os.getpid(), "argv": sys.argv[2:], "cwd": os.getcwd(),  # noqa: PTH109
            "dialect": os.environ.get("EDGEBENCH_MOCK_DIALECT")}  # fmt: skip
    with socket.create_connection(("127.0.0.1", address["port"])) as link:
        link.sendall((json.dumps(told) + "\n").encode())
        for line in link.makefile("r", encoding="utf-8"):
            answer = json.loads(line)
            if "exit" in answer:
                return int(answer["exit"])
            if "signal" in answer:
                os.kill(os.getpid(), answer["signal"])
                signal.pause()
            stream = sys.stdout if "out" in answer else sys.stderr
            stream.write(answer.get("out") or answer.get("err") or "")
            stream.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
