"""CUDA's three ways and TensorRT itself on a real GPU. Not collected: ask for it by name where there is one.

    pytest tests/real_tensorrt/check_real_gpu.py

Runs each of PyCUDA, cuda-python and libcudart that is installed, and TensorRT where the module is. What is not
installed is skipped by name. **Written without a GPU at hand and not yet run on one.**
"""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from edgebench.agent import cuda
from edgebench.agent.failures import Failure

MIB = 1 << 20


@pytest.fixture(params=[name for name, _ in cuda.KINDS])
def runtime(request: pytest.FixtureRequest):
    try:
        return cuda.open_cuda([kind for kind in cuda.KINDS if kind[0] == request.param])
    except Failure as failure:
        pytest.skip(failure.message)


def test_it_says_what_it_is(runtime):
    gpu = runtime.gpu()
    assert gpu["name"]
    assert float(gpu["sm"]) >= 5.0
    free, total = runtime.memory()
    assert 0 < free <= total


def test_data_goes_there_and_back(runtime):
    stream, begin, end = runtime.stream(), runtime.event(), runtime.event()
    source = np.frombuffer(runtime.pinned(16 * MIB), "uint8").view("float32")
    source[:] = np.random.default_rng(1).random(source.size, "float32")
    back = np.zeros_like(source)
    address = runtime.allocate(source.nbytes)
    for act in (runtime.mark(begin, stream), runtime.copy_in(address, source, stream),
                runtime.copy_out(back, address, stream), runtime.mark(end, stream), runtime.wait(stream)):  # fmt: skip
        act()
    np.testing.assert_array_equal(back, source)
    # 32 MiB at what no bus exceeds, and at what any reaches
    assert 32 * MIB / 1e12 * 1e9 < runtime.elapsed_ns(begin, end) < 32 * MIB / 1e8 * 1e9
    runtime.free(address)


def test_what_does_not_fit_is_out_of_memory(runtime):
    _, total = runtime.memory()
    with pytest.raises(cuda.CudaError, match=r"(?i)memory"):
        runtime.allocate(2 * total)


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is None, reason="TensorRT's module is not installed here")
def test_an_engine_is_built_and_gives_onnx_runtimes_numbers(tmp_path):
    import shutil
    from pathlib import Path

    import onnxruntime

    from edgebench.agent.runners.tensorrt import Runner
    from edgebench.agent.runners.tensorrt_builder import Builder

    model = Path(__file__).parents[1] / "agent" / "data" / "affine.onnx"
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feeds = {"x": np.random.default_rng(2).random((3, 4), "float32")}
    profile = {"x": {"min": [1, 4], "opt": [3, 4], "max": [8, 4]}}
    shutil.copy(model, tmp_path / "model.onnx")
    engine = {"way": "python", "artifact": "a" * 64, "flags": {"tf32": False}, "profile": profile, "calibration": None}
    variant = {"backend": "tensorrt", "model": "model.onnx", "accelerator": "cuda", "engine": engine}
    way = Builder(variant, str(tmp_path), str(tmp_path))
    way.build(str(tmp_path / "model.engine"), lambda done, text: None)
    brought = variant | {"model": "model.engine", "engine": engine | {"prebuilt": True}}
    runner = Runner(brought, str(tmp_path), str(tmp_path))
    runner.import_runtime()
    runner.load()
    runner.bind(feeds)
    (output,) = runner.run()
    np.testing.assert_allclose(output, session.run(None, feeds)[0], rtol=1e-3, atol=1e-4)
    assert runner.compute_ns() > 0
    assert runner.layers(feeds)["layers"]
