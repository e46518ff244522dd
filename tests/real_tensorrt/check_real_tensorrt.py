"""Our use of TensorRT and CUDA against the real modules, on a machine without a GPU. Not collected: ask for it by name.

    EDGEBENCH_REAL_TENSORRT=FOLDER pytest tests/real_tensorrt/check_real_tensorrt.py

FOLDER (3 GB) gets environments with packages of PyPI, once: tensorrt 8.5.3.1 (JetPack 5.1's generation, the whole
library) on CPython 3.10 with what it links to; the bindings of 10.3.0 (JetPack 6), 10.13.3.9 (JetPack 7) and
11.4.0.106, whose libraries PyPI has not: they are compiled empty here, which is enough to see every name and signature;
cuda-python; libcudart of CUDA 11, 12 and 13. Without a GPU the real library says CUDA error 35: that must become one
sentence with a closed code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from environments import find_interpreter

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECORD = ROOT / "tests" / "agent" / "data" / "tensorrt_api.json"
WHOLE = ("tensorrt==8.5.3.1", "nvidia-cudnn-cu11<9", "nvidia-cublas-cu11", "nvidia-cuda-runtime-cu11", "numpy<2")
BINDINGS = ("10.3.0", "10.13.3.9", "11.4.0.106")
RUNTIMES = {"11": "nvidia-cuda-runtime-cu11", "12": "nvidia-cuda-runtime-cu12", "13": "nvidia-cuda-runtime"}

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="session")
def folder() -> Path:
    """Where the environments are kept."""
    named = os.environ.get("EDGEBENCH_REAL_TENSORRT")
    if not named:
        pytest.fail("EDGEBENCH_REAL_TENSORRT names the folder for the environments (3 GB)")
    return Path(named)


def interpreter(version: str) -> Path:
    """A CPython of that version. Fails where there is none."""
    found = find_interpreter(version)
    if found is None:
        pytest.fail(f"no CPython {version} here")
    return found


def environment(folder: Path, name: str, version: str, packages: tuple[str, ...]) -> Path:
    """The Python of an environment with the packages, made when it is missing."""
    where = folder / name
    python = where / "bin" / "python"
    if not (where / "finished").exists():
        subprocess.run([interpreter(version), "-m", "venv", where], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        (where / "finished").touch()
    return python


def unpacked(folder: Path, name: str, python: Path, package: str) -> Path:
    """A wheel of PyPI, unpacked."""
    where = folder / name
    if not (where / "finished").exists():
        command = [python, "-m", "pip", "install", "-q", "--no-deps", "--target", where, package]
        subprocess.run(command, check=True)
        (where / "finished").touch()
    return where


def hollow(bindings: Path) -> Path:
    """A folder with empty libraries for the bindings: all that they link to of TensorRT, every function gives NULL."""
    where = bindings / "hollow"
    where.mkdir(exist_ok=True)
    library = bindings / "tensorrt_bindings" / "tensorrt.so"
    dynamic = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    needed = [line.split("[")[1].rstrip("]") for line in dynamic.splitlines() if "NEEDED" in line and "[libnv" in line]
    symbols = subprocess.run(["nm", "-D", "--undefined-only", library], capture_output=True, text=True, check=True)
    wanted = [line.split()[-1] for line in symbols.stdout.splitlines()]
    names = [name for name in wanted if name.endswith("_INTERNAL") or name.startswith(("get", "initLib"))]
    source = where / "hollow.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in names if "@" not in name))
    for name in needed:
        subprocess.run(["cc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", where / name, source], check=True)
    return where


def told(python: Path, script: str, *arguments: str, **env: str) -> Any:
    """What one of our scripts prints, as JSON."""
    command = [python, "-W", "error::SyntaxWarning", HERE / script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | env, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def recorded(version: str) -> dict[str, Any]:
    return next(one for one in json.loads(RECORD.read_text()) if one["version"] == version)


@pytest.fixture(scope="session")
def whole(folder: Path) -> tuple[Path, dict[str, str]]:
    """(Python with the whole of TensorRT 8.5.3.1, its environment variables)."""
    python = environment(folder, "tensorrt-8.5", "3.10", WHOLE)
    libraries = sorted((folder / "tensorrt-8.5" / "lib" / "python3.10" / "site-packages" / "nvidia").glob("*/lib"))
    return python, {"LD_LIBRARY_PATH": ":".join(map(str, libraries))}


@pytest.fixture(scope="session", params=BINDINGS)
def bindings(request: pytest.FixtureRequest, folder: Path) -> tuple[str, Path, dict[str, str]]:
    """(version, Python, environment variables) of real bindings over empty libraries."""
    python = environment(folder, "tensorrt-8.5", "3.10", WHOLE)
    package = f"tensorrt_cu12_bindings=={request.param}"
    where = unpacked(folder, f"bindings-{request.param}", python, package)
    return request.param, python, {"PYTHONPATH": str(where), "LD_LIBRARY_PATH": str(hollow(where))}


def test_the_fakes_names_are_those_of_8_5(whole):
    python, env = whole
    assert told(python, "signatures.py", **env) == recorded("8.5.3.1")


def test_the_fakes_names_are_those_of_10_and_11(bindings):
    version, python, env = bindings
    assert told(python, "signatures.py", "--module", "tensorrt_bindings", **env) == recorded(version)


def test_8_5_takes_our_classes_and_its_failure_is_one_sentence(whole):
    python, env = whole
    seen = told(python, "probe.py", "tensorrt", "tensorrt", **env)
    assert seen["release"] == [8, 5]
    assert seen["derived"] == ["ILogger", "IProfiler", "IInt8EntropyCalibrator2"]
    for kind in ("Builder", "Runtime"):
        failure = seen[kind]
        assert failure["code"] == "delegate-failed"
        assert failure["message"].startswith(
            "TensorRT 8.5.3.1 finds no GPU to work on: CUDA initialization failure with"
        )
        assert "\n" not in failure["message"]


def test_10_and_11_take_our_classes_and_an_empty_library_is_one_sentence(bindings):
    version, python, env = bindings
    seen = told(python, "probe.py", "tensorrt", "tensorrt_bindings", **env)
    calibrator = [] if version.startswith("11") else ["IInt8EntropyCalibrator2"]
    assert seen["derived"] == ["ILogger", "IProfiler", "IProgressMonitor", *calibrator]
    assert seen["Builder"]["code"] == "delegate-failed"


def test_a_childs_failure_without_a_gpu(whole, tmp_path):
    """A build step in the agent's real child process: the event, not a trace."""
    python, env = whole
    (tmp_path / "model.onnx").write_bytes(b"")
    engine = {"way": "python", "artifact": "a" * 64, "prebuilt": False, "flags": {}, "profile": {}, "calibration": None}
    variant = {"backend": "tensorrt", "model": "model.onnx", "accelerator": "cuda", "engine": engine}
    read, write = os.pipe()
    step = {"pass": "build", "index": 0, "variant": variant, "step": {"pass": "build"}, "home": str(tmp_path),
            "jobdir": str(tmp_path), "fd": write, "nonce": "feed5eed"}  # fmt: skip
    (tmp_path / "step.json").write_text(json.dumps(step))
    command = [python, "-m", "edgebench.agent.main", "child", tmp_path / "step.json"]
    env = os.environ | env | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, pass_fds=[write], capture_output=True, text=True, timeout=120)
    os.close(write)
    with os.fdopen(read) as pipe:
        error = json.loads(pipe.read().splitlines()[-1].split(" ", 4)[4])
    assert (done.returncode, error["ev"], error["code"]) == (1, "error", "delegate-failed"), done.stderr[-2000:]
    assert "cudaErrorInsufficientDriver (35)" in error["message"]


@pytest.mark.parametrize("generation", RUNTIMES)
def test_libcudart_of_three_generations_says_35(whole, folder, generation):
    python, _ = whole
    where = unpacked(folder, f"cudart-{generation}", python, RUNTIMES[generation])
    library = next(where.glob("nvidia/*/lib/libcudart.so.*"))
    seen = told(python, "probe.py", "cuda", "ctypes", LD_PRELOAD=str(library))
    assert seen["library"] == str(library)
    assert seen["code"] == "delegate-failed"
    assert "ctypes says cudaGetDeviceCount: cudaErrorInsufficientDriver (35)" in seen["message"]


def test_cuda_python_says_35(folder):
    python = environment(folder, "cuda-python", "3.11", ("cuda-bindings", "numpy"))
    seen = told(python, "probe.py", "cuda", "cuda-python")
    assert seen["code"] == "delegate-failed"
    assert "cuda-python says cudaGetDeviceCount: cudaErrorInsufficientDriver (35)" in seen["message"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
