"""A simulated phone through the real adb server: its tool and its files over the wire, and what a reboot leaves."""

import time

import pytest
import tflite_models
from adb_room import AdbServer

from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.mock.phone.faults import Fault
from edgebench.mock.phone.link_faults import link_fault
from edgebench.mock.phone.phone import Phone

SPEED = 10.0


@pytest.fixture
def adb(tmp_path):
    with AdbServer(tmp_path) as server:
        yield server


@pytest.fixture
def phone(tmp_path):
    (tmp_path / "phone").mkdir()
    with Phone(tmp_path / "phone", speed=SPEED) as alive:
        yield alive


def test_a_model_is_pushed_run_and_told_of(adb, phone, tmp_path):
    model = tflite_models.upscaler(tmp_path / "m.tflite", size=64)
    with AdbDaemon(phone) as daemon:
        serial = adb.connect(daemon)
        assert adb.run("-s", serial, "push", str(model), "/data/local/tmp/m.tflite").returncode == 0
        ran = adb.run("-s", serial, "shell", "cd /data/local/tmp && ./benchmark_model --graph=m.tflite --use_nnapi=1")
        assert ran.returncode == 1
        assert b"Failed to apply NNAPI delegate." in ran.stderr
        assert b"INFO: STARTING!" in ran.stdout
        assert adb.run("-s", serial, "shell", "getprop ro.serialno").stdout.decode().strip() == phone.serial


def test_after_a_reboot_nothing_runs_and_the_uptime_is_short(adb, phone, tmp_path):
    tflite_models.upscaler(phone.root / "data/local/tmp/m.tflite", size=64)
    boot = phone.root / "proc/sys/kernel/random/boot_id"
    before = boot.read_text()
    with AdbDaemon(phone) as daemon:
        serial = adb.connect(daemon)
        command = "cd /data/local/tmp && echo ready && ./benchmark_model --graph=m.tflite --min_secs=100000"
        with adb.popen("-s", serial, "shell", command) as running:
            assert running.stdout.readline() == b"ready\n"
            assert running.stdout.readline() == b"INFO: STARTING!\n"
            daemon.faults.put(link_fault(Fault("reboot", after_s=1.0), SPEED))
            running.communicate(timeout=30)
        end = time.monotonic() + 20
        while boot.read_text() == before:  # down for a second; nobody is told when it is back
            assert time.monotonic() < end
            time.sleep(0.02)
        adb.await_state(daemon, "device")
        assert phone.now_ns() < 600e9
        assert not phone.body.load.kinds()
        assert adb.run("-s", serial, "shell", "test -s /data/local/tmp/m.tflite").returncode == 0
