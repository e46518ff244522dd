"""A board that lives with the wall clock, read by this process and by the real sampler process."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from edgebench.agent import protocol
from edgebench.mock.living import Living
from edgebench.mock.sysfs import FakeBoard
from edgebench.mock.workload import Constant, Ramp, Schedule


def test_an_open_reader_sees_the_board_live(tmp_path):
    with FakeBoard(tmp_path, "rapl", load=Schedule(((9999.0, Constant(5.0)),))) as board:
        path = tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj"
        with Living(board, speed=50.0) as living, path.open() as reader:
            begin_ns = living.now_ns()
            seen = {reader.readline()}
            while len(seen) < 5:
                reader.seek(0)
                seen.add(reader.readline())
            end_ns = living.now_ns()
            truth = living.truth(begin_ns, end_ns)
        assert truth.seconds == pytest.approx((end_ns - begin_ns) * 50 / 1e9)
        assert truth.mean_watts == pytest.approx(5.0, rel=0.02)


def start_sampler(folder, root):
    """Start the sampler process on a root; return it and the file its frames come from."""
    receiving, sending = os.pipe()
    config = {"root": str(root), "fd": sending, "nonce": "cafe", "power": "auto", "power_hz": 50.0, "seed": 1}
    (folder / "config.json").write_text(json.dumps(config))
    code = "import sys; from edgebench.agent import sampler; sys.exit(sampler.main(sys.argv[1]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder / "config.json")], stdin=subprocess.PIPE, pass_fds=[sending]
    )
    os.close(sending)
    return process, os.fdopen(receiving, "rb")


def test_the_sampler_process_reads_what_the_board_really_draws(tmp_path):
    load = Schedule(((9999.0, Ramp(2.0, 102.0, 100.0)),))
    with FakeBoard(tmp_path / "root", "hwmon", load=load) as board, Living(board) as living:
        process, frames = start_sampler(tmp_path, tmp_path / "root")
        reader = protocol.FrameReader("cafe")
        with frames:
            events = reader.feed(frames.readline())
            while not any(event.get("name") == "meminfo" for event in events):
                events += reader.feed(frames.readline())
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.0)  # the second that is measured; a sampler that ends by itself fails here
            process.stdin.close()
            events += reader.feed(frames.read())
        assert process.wait() == 0
        reading = next(event for event in events if event.get("source") == "power:ina3221")
        times, microwatts = (np.array(protocol.unpack_ints(packed)) for packed in reading["packed"][:2])
        true_watts = 2.0 + (np.array([living.board_ns(int(at)) for at in times]) - board.start_ns) / 1e9
    # a slope of 1 W a second makes a stale file or a wrong stamp show as an error in watts
    assert len(times) > 20
    assert np.median(np.abs(microwatts / 1e6 - true_watts)) < 0.06
