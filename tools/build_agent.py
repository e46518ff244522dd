"""Write the device agent as a zip: `python tools/build_agent.py [FILE]`; prints its SHA-256.

Built twice by CI, whose hashes must agree.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edgebench.controller.bundle import build_agent


def main() -> None:
    """Build, write, and print the hash."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=Path("agent.zip"))
    target: Path = parser.parse_args().file
    agent = build_agent()
    target.write_bytes(agent.data)
    print(agent.sha256)


if __name__ == "__main__":
    main()
