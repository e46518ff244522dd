"""`edgebench mock`: a served device is there while its server lives."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_program import Program
from signals import heed_interrupts

from edgebench.controller.devices import load_devices


@contextmanager
def served(program, *arguments, stop=signal.SIGINT):
    """A running `mock start`; gives its line of JSON and the process, and ends it."""
    command = [sys.executable, "-m", "edgebench", "mock", "start", *arguments, "--json", "-"]
    with subprocess.Popen(
        command,
        env=program.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    ) as process:
        line = process.stdout.readline()
        try:
            yield (json.loads(line) if line else None), process
        finally:
            process.send_signal(stop)
            process.communicate(timeout=60)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_device_is_registered_while_it_is_served(tmp_path, stop):
    program = Program(tmp_path)
    config = tmp_path / "config" / "devices.toml"
    with served(program, "jetson-nano", "--name", "toy", stop=stop) as (said, process):
        assert (said["device"], said["simulated"], said["pid"]) == ("toy", True, process.pid)
        entry = load_devices(config)["toy"]
        assert (entry.transport, entry.root, entry.is_simulated) == ("local", said["root"], True)
        assert "Jetson Nano" in (Path(said["root"]) / "proc/device-tree/model").read_text()
        taken = program("mock", "start", "localhost", "--name", "toy")
        assert (taken.code, "there is a device toy already" in taken.err) == (2, True)
    assert process.returncode == 0
    assert "toy" not in load_devices(config)
    assert not Path(said["root"]).exists()


def test_the_name_of_a_server_that_was_killed_is_free_again(tmp_path):
    program = Program(tmp_path)
    with served(program, "localhost", stop=signal.SIGKILL) as (first, _):
        assert first["device"] == "mock-localhost"
    assert "mock-localhost" in load_devices(tmp_path / "config" / "devices.toml")
    with served(program, "localhost") as (second, _):
        assert second["root"] != first["root"]


def test_a_real_device_is_never_replaced(tmp_path):
    program = Program(tmp_path)
    (tmp_path / "config").mkdir()
    text = f'[toy]\ntransport = "ssh"\nhost = "192.0.2.{os.getpid() % 250}"\n'
    (tmp_path / "config" / "devices.toml").write_text(text)
    assert program("mock", "start", "localhost", "--name", "toy").code == 2
    assert (tmp_path / "config" / "devices.toml").read_text() == text


def test_what_can_be_simulated_is_listed(tmp_path):
    program = Program(tmp_path)
    assert [line.split()[0] for line in program("mock", "list").out.splitlines()][:2] == ["localhost", "jetson-nano"]
    said = program("mock", "start", "jetson-nan")
    assert (said.code, "did you mean `jetson-nano`?" in said.err) == (2, True)
