"""What lies on a simulated board as `nvpmodel` or `trtexec`: hands its call to the board, prints what comes back.

Standard library only, started with -S -E -I: it must be there at once. Arguments: the file that names the board's port
and token, the program's name, and what it was called with. The board answers lines of JSON: {"out": TEXT},
{"err": TEXT}, {"ask": true} (its standard input is wanted), {"exit": N}, {"signal": N}, or {"exec": ARGV, "ticket": T}:
it becomes another program, started as root.
"""

import json
import os
import signal
import socket
import sys

TICKET = "EDGEBENCH_MOCK_TICKET"


def main() -> int:
    """Be the program. Returns its exit status."""
    with open(sys.argv[1], encoding="ascii") as file:  # noqa: PTH123 - pathlib is an import too many here
        address = json.load(file)
    told = {"token": address["token"], "pid": os.getpid(), "name": sys.argv[2], "argv": sys.argv[3:],
            "cwd": os.getcwd(), "ticket": os.environ.pop(TICKET, None)}  # noqa: PTH109  # fmt: skip
    with socket.create_connection(("127.0.0.1", address["port"])) as link:
        link.sendall((json.dumps(told) + "\n").encode())
        for line in link.makefile("r", encoding="utf-8"):
            answer = json.loads(line)
            if "ask" in answer:
                text = sys.stdin.buffer.read().decode("utf-8", "replace")
                link.sendall((json.dumps({"stdin": text}) + "\n").encode())
            elif "exit" in answer:
                return int(answer["exit"])
            elif "exec" in answer:
                os.environ[TICKET] = answer["ticket"]
                os.execv(answer["exec"][0], answer["exec"])  # noqa: S606 - no shell is meant
            elif "signal" in answer:
                os.kill(os.getpid(), answer["signal"])
                signal.pause()
            else:
                stream = sys.stdout if "out" in answer else sys.stderr
                stream.write(answer.get("out") or answer.get("err") or "")
                stream.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
