"""Whether whoever began a job still lives."""

from __future__ import annotations

import subprocess
import sys

from edgebench.controller.owner import is_alive, this_controller

SAY = "from edgebench.controller.owner import this_controller; print(this_controller(), flush=True); input()"


def test_this_process_never_waits_for_itself() -> None:
    assert is_alive(this_controller()) is False


def test_a_living_process_and_a_dead_one() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", SAY], **pipes) as process:
        assert process.stdout is not None
        owner = process.stdout.readline().strip()
        assert is_alive(owner) is True
        host, pid, start = owner.rsplit("/", 2)
        assert is_alive(f"{host}/{pid}/{int(start) + 1}") is False  # its number went to another process
        process.communicate("\n")
    assert is_alive(owner) is False


def test_what_another_host_does_is_not_known() -> None:
    host, pid, start = this_controller().rsplit("/", 2)
    assert is_alive(f"not-{host}/{pid}/{start}") is None
    assert is_alive(f"lab/{host}/{pid}/{start}") is None
    assert is_alive(f"{host}/x/{start}") is None
    assert is_alive("") is None
