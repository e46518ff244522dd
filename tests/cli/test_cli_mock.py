"""`edgebench mock`: a served device is there while its server lives."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from adb_room import AdbServer
from cli_program import Program
from signals import heed_interrupts

from edgebench.controller.devices import load_devices
from edgebench.mock.jetson.faults import FAULTS as OF_BOARDS
from edgebench.mock.phone.faults import FAULTS


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
        assert (entry.transport, entry.root, entry.is_simulated) == ("ssh", said["root"], True)
        assert (entry.host, entry.port, entry.key) == ("127.0.0.1", said["port"], said["key"])
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


class TestPhones:
    """A simulated phone, and the real adb server that it is behind."""

    @pytest.fixture
    def adb(self, tmp_path):
        with AdbServer(tmp_path) as adb:
            yield adb

    def states(self, adb):
        lines = adb.run("devices").stdout.decode().splitlines()[1:]
        return dict(line.split("\t") for line in lines if "\t" in line)

    def served(self, tmp_path, adb, *arguments, **how):
        program = Program(tmp_path)
        return served(SimpleNamespace(environment=program.environment | adb.environment), *arguments, **how)

    def test_it_is_registered_and_connected_while_it_is_served(self, tmp_path, adb):
        config = tmp_path / "config" / "devices.toml"
        with self.served(tmp_path, adb, "oneplus-7t", stop=signal.SIGTERM) as (said, process):
            entry = load_devices(config)["mock-oneplus-7t"]
            assert (entry.transport, entry.serial, entry.server) == ("adb", said["serial"], adb.address)
            assert (entry.is_simulated, entry.root, entry.home) == (True, said["root"], said["home"])
            assert self.states(adb) == {entry.serial: "device"}
            shell = adb.run("-s", entry.serial, "shell", "getprop ro.product.device; id -u; ls /data/local/tmp")
            assert shell.stdout.decode().split() == ["OnePlus7T", "2000", "benchmark_model"]
        assert process.returncode == 0
        assert "mock-oneplus-7t" not in load_devices(config)
        assert self.states(adb) == {}

    def test_faults_of_the_link_and_of_the_phone(self, tmp_path, adb):
        faults = ("--fault", "unauthorized", "--fault", "low-battery", "--name", "odd")
        with self.served(tmp_path, adb, "generic-android", *faults) as (said, _):
            assert self.states(adb) == {said["serial"]: "unauthorized"}
            wait = "sys/class/power_supply/battery/capacity"
            assert (Path(said["root"]) / wait).read_text() == "5\n"

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (("oneplus-7t", "--fault", "chargin"), "did you mean `charging`?"),
            (("oneplus-7t", "--fault", "crash@0"), "counted from 1"),
            (("jetson-nano", "--fault", "no-sud"), "did you mean `no-sudo`?"),
            (("jetson-nano", "--fault", "link-cut@0"), "counted from 1"),
            (("localhost", "--fault", "crash"), "knows no faults"),
            (("oneplus-8t",), "did you mean `oneplus-7t`?"),
        ],
    )
    def test_what_there_is_not(self, tmp_path, arguments, word):
        said = Program(tmp_path)("mock", "start", *arguments)
        assert (said.code, word in said.err) == (2, True)
        assert not (tmp_path / "config" / "devices.toml").exists()

    def test_faults_are_listed(self, tmp_path):
        text = Program(tmp_path)("mock", "list").out
        assert all(name in text for name in [*FAULTS, *OF_BOARDS])
