"""The energy of a row through everything (sh sampler, real adb server, installed command) against a phone's truth.

The phone lives in this process, so that it can be asked what it really drew while its tool's soak went on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from adb_room import AdbServer

from edgebench.controller.devices import DeviceEntry, save_device
from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.mock.phone.faults import Fault
from edgebench.mock.phone.phone import Phone

MODEL = Path(__file__).parents[2] / "models" / "sr-x2-w28-fp32.tflite"
SOAK = "--num_runs=10"


def measured(tmp_path, form, speed, *options):
    """(the run's record, the phone) after one row on the GPU."""
    (tmp_path / "phone").mkdir()
    (tmp_path / "config").mkdir()
    with (
        AdbServer(tmp_path) as adb,
        Phone(tmp_path / "phone", form, speed=speed, faults=[Fault("rooted")]) as phone,
        AdbDaemon(phone) as daemon,
    ):
        adb.connect(daemon)
        home = str(phone.root / "data/local/tmp/edgebench")
        entry = DeviceEntry("p", profile=form, transport="adb", serial=daemon.address, server=adb.address,
                            root=str(phone.root), home=home, simulated=True)  # fmt: skip
        save_device(entry, tmp_path / "config" / "devices.toml")
        own = {"EDGEBENCH_CONFIG": str(tmp_path / "config"), "EDGEBENCH_STORE": str(tmp_path / "store.db"),
               "XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_COLOR": "1"}  # fmt: skip
        command = [sys.executable, "-m", "edgebench", "run", MODEL, "--device", "p", "--accelerator", "gpu",
                   *options, "--json", "-"]  # fmt: skip
        done = subprocess.run(
            command,
            env={**os.environ, **adb.environment, **own},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (run,) = json.loads(done.stdout)["runs"]
        soak = [process for process in phone.processes if SOAK in process.argv]
        return run, phone.body, soak[0].begin_ns, soak[-1].end_ns


@pytest.mark.alone
@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_rails_of_a_rooted_pixel_agree_with_what_it_drew(tmp_path):
    run, body, begin_ns, end_ns = measured(tmp_path, "pixel-8", 1.0, "--quick", "--soak", "30")
    mean, idle = (run["metrics"][name]["value"] for name in ("power_mean", "power_idle"))
    counted = [rail.name for rail in body.form.rails if rail.busy]
    true = body.truth_of_rails(begin_ns, end_ns, counted)
    idle_w = body.form.idle_w * body.form.rails_share * sum(rail.idle for rail in body.form.rails if rail.busy)
    print(f"mean {mean:.4f} W, truth {true.mean_watts:.4f} W; idle {idle:.4f} W, truth {idle_w:.4f} W")
    assert mean == pytest.approx(true.mean_watts, rel=0.01)
    assert idle == pytest.approx(idle_w, rel=0.02)
    assert run["device"]["simulated"] is True


@pytest.mark.alone
@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_a_gauge_that_is_calibrated_at_run_time_covers_what_was_drawn(tmp_path):
    run, body, begin_ns, end_ns = measured(tmp_path, "oneplus-7t", 3.0, "--quick", "--soak", "105")
    mean = run["metrics"]["power_mean"]
    true = body.truth(begin_ns, end_ns).mean_watts
    print(f"mean {mean['value']:.3f} [{mean['lo']:.3f}, {mean['hi']:.3f}] W, truth {true:.3f} W")
    assert mean["lo"] <= true <= mean["hi"]
    assert mean["value"] == pytest.approx(true, rel=0.15)
    assert run["metrics"]["power_idle"]["value"] == pytest.approx(body.form.idle_w, rel=0.05)
