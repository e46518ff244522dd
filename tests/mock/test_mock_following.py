"""A board's power that follows a machine's load."""

import numpy as np
import pytest

from edgebench.mock.following import MachineLoad, following_schedule


def test_power_goes_with_the_share_of_busy_cpu_time(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3\n")
    load = MachineLoad(2.0, 7.0, stat)
    assert load.watts(np.zeros(3)) == pytest.approx([2.0, 2.0, 2.0])
    stat.write_text("cpu  120 10 110 820 40 0 0 0 0 0\n")  # 40 of 100 ticks busy; waiting for a disk is not
    load.renew()
    assert load.watts(np.zeros(2)) == pytest.approx([4.0, 4.0])
    load.renew()  # no time has passed
    assert load.watts(np.zeros(1)) == pytest.approx([4.0])


def test_the_schedule_follows_this_machine_between_idle_and_busy():
    watts = following_schedule(1.0, 3.0).watts(np.array([0.0, 1e6]))
    assert ((watts >= 1.0) & (watts <= 3.0)).all()
