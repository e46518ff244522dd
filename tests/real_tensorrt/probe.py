"""Runs in a Python that has the real `tensorrt` (or its bindings, or cuda-python): prints as JSON what our code met.

``python probe.py tensorrt MODULE`` | ``python probe.py cuda KIND...``
"""

import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edgebench.agent import cuda, tensorrt_api
from edgebench.agent.cuda import libcudart
from edgebench.agent.failures import Failure
from edgebench.agent.tensorrt_api.log import make_log
from edgebench.agent.tensorrt_api.profiling import make_profiler
from edgebench.agent.tensorrt_api.progress import Teller, make_monitor


class NoCuda:
    """The seam as far as a calibrator asks for it when it is made."""

    def stream(self):
        """Return nothing: no batch is asked for."""


def failure(action):
    """Return {"code", "stage", "message"} of the Failure that `action` raises, None where it raises none."""
    try:
        action()
    except Failure as raised:
        return {"code": raised.code, "stage": raised.stage, "message": raised.message}
    return None


def derived(trt):
    """Return the names of the module's classes that ours derive from, each of ours made and called once."""
    found = []
    log = make_log(trt)
    log.log(trt.ILogger.Severity.ERROR, "first\nsecond")
    assert list(log.lines) == [("E", "first"), ("E", "second")]
    log.log(trt.ILogger.Severity.VERBOSE, "not kept")
    assert len(log.lines) == 2
    found.append(trt.ILogger.__name__)
    profiler = make_profiler(trt)
    profiler.report_layer_time("a", 1.5)
    assert isinstance(profiler, trt.IProfiler)
    assert dict(profiler.spent) == {"a": 1.5}
    found.append(trt.IProfiler.__name__)
    monitor = make_monitor(trt, Teller(lambda done, text: None))
    if monitor is not None:
        monitor.phase_start("a", None, 2)
        assert isinstance(monitor, trt.IProgressMonitor)
        assert monitor.step_complete("a", 0) is True
        found.append(trt.IProgressMonitor.__name__)
    if hasattr(trt, "IInt8EntropyCalibrator2"):
        from edgebench.agent.tensorrt_api.calibration import make_calibrator

        made = make_calibrator(trt, NoCuda(), [], [], "/nowhere/cache")
        assert isinstance(made, trt.IInt8EntropyCalibrator2)
        assert made.read_calibration_cache() is None
        found.append(trt.IInt8EntropyCalibrator2.__name__)
    return found


def of_tensorrt(name):
    """Return what our code meets in the module `name`."""
    trt = importlib.import_module(name)
    told = {"version": tensorrt_api.version_of(trt), "release": tensorrt_api.release_of(trt), "derived": derived(trt)}
    for kind in ("Builder", "Runtime"):
        log = make_log(trt)
        told[kind] = failure(lambda kind=kind, log=log: tensorrt_api.made(trt, getattr(trt, kind), log))
        told[kind + " said"] = [text for _, text in log.lines]
    return told


if __name__ == "__main__":
    if sys.argv[1] == "tensorrt":
        print(json.dumps(of_tensorrt(sys.argv[2])))
    else:
        kinds = [kind for kind in cuda.KINDS if kind[0] in sys.argv[2:]]
        seen = failure(lambda: cuda.open_cuda(kinds))
        print(json.dumps(dict(seen or {}, library=libcudart.loaded_already())))
