"""What tests need from elsewhere: environments with the old runtimes that JetPack's Pythons get, real models.

They are kept in ``.envs/`` of the checkout (or in the folder EDGEBENCH_TEST_ENVS names) and built at most once:
a lock keeps two test processes apart, and a marker written last tells a finished environment from a torn one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
MARKER = "finished"
EXTENSIONS = "onnxruntime-extensions==0.15.2"


@dataclass(frozen=True)
class OldRuntime:
    """A Python of JetPack, its environment's folder name, and what pip picks there."""

    folder: str
    packages: tuple[str, ...]
    pip: str | None = None


OLD_RUNTIMES = {
    # The pip that CPython 3.6 brings does not know the manylinux2014 tag of these wheels.
    "3.6": OldRuntime("py36-ort110", ("onnxruntime==1.10.0", "numpy==1.19.5"), pip="pip==21.3.1"),
    "3.8": OldRuntime("py38-ort119", ("onnxruntime==1.19.2", "numpy==1.24.4", "tflite-runtime==2.13.0")),
}


def old_runtime_python(version: str = "3.6") -> Path:
    """The python of an environment with onnxruntime on CPython ``version`` ("3.6" or "3.8"), built when missing.

    Skips the calling test when the interpreter is not on this machine or the packages cannot be had; under
    CI=true either is a failure.
    """
    runtime = OLD_RUNTIMES[version]
    folder = cache() / runtime.folder
    python = folder / "bin" / "python"
    with _locked(folder.with_name(f"{folder.name}.lock")):
        if _finished(folder, runtime):
            return python
        interpreter = find_interpreter(version)
        if interpreter is None:
            unavailable(f"CPython {version} is not installed; `pyenv install {version}` provides it")
        try:
            _build(interpreter, folder, runtime)
        except (subprocess.CalledProcessError, OSError) as error:
            said = getattr(error, "stderr", None) or str(error)
            unavailable(f"cannot build the CPython {version} environment: {said.strip().splitlines()[-1]}")
    return python


def custom_op_library() -> Path:
    """The library of custom operators in onnxruntime-extensions, for this Python; installed when missing.

    Skips the calling test, or fails it under CI=true, when the package cannot be had.
    """
    wanted = OldRuntime(f"ort-extensions-py{sys.version_info[0]}{sys.version_info[1]}", (EXTENSIONS,))
    folder = cache() / wanted.folder
    with _locked(folder.with_name(f"{folder.name}.lock")):
        if not _finished(folder, wanted):
            shutil.rmtree(folder, ignore_errors=True)
            _try([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), EXTENSIONS])
            (folder / MARKER).write_text(EXTENSIONS)
    ask = "import onnxruntime_extensions; print(onnxruntime_extensions.get_library_path())"
    answer = subprocess.run(
        [sys.executable, "-c", ask], env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return Path(answer.stdout.strip())


def fetched_model(name: str) -> Path:
    """A pretrained model of tools/fetch_models.py; skips the calling test, or fails it under CI=true, without one."""
    folder = cache() / "models"
    _try([sys.executable, str(REPOSITORY / "tools" / "fetch_models.py"), name, "--into", str(folder)])
    return folder / f"{name}.onnx"


def cache() -> Path:
    """The folder of what tests keep from one run to the next."""
    return Path(os.environ.get("EDGEBENCH_TEST_ENVS") or REPOSITORY / ".envs")


def _try(command: list[str]) -> None:
    """Run one command that may need the network; without success the calling test is skipped or fails."""
    try:
        _step(command)
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stderr.splitlines() if "rror" in line] or [str(error)]
        unavailable(said[-1])


def find_interpreter(version: str) -> Path | None:
    """A CPython ``version`` on the PATH or under pyenv that really runs, or None."""
    on_path = shutil.which(f"python{version}")
    candidates = [Path(on_path)] if on_path else []
    candidates += sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    return next((path for path in candidates if _runs(path, version)), None)


def unavailable(reason: str) -> NoReturn:
    """Skip the calling test for ``reason``; fail it under CI=true, where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true demands it)")
    pytest.skip(reason)


def _runs(path: Path, version: str) -> bool:
    """Whether ``path`` starts and is CPython ``version``: a pyenv shim exists for versions it cannot start."""
    command = [str(path), "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == version


def _finished(folder: Path, runtime: OldRuntime) -> bool:
    """Whether the environment was built to its end with these packages."""
    marker = folder / MARKER
    return marker.is_file() and marker.read_text() == "\n".join(runtime.packages)


def _build(interpreter: Path, folder: Path, runtime: OldRuntime) -> None:
    """Build the environment anew. Raises subprocess.CalledProcessError with what the failing step said."""
    shutil.rmtree(folder, ignore_errors=True)
    _step([str(interpreter), "-m", "venv", str(folder)])
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    if runtime.pip is not None:
        _step([*install, runtime.pip])
    _step([*install, *runtime.packages])
    (folder / MARKER).write_text("\n".join(runtime.packages))


def _step(command: list[str]) -> None:
    """Run one command of a build, free of this process's own Python settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run(command, env=clean, check=True, capture_output=True, text=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock on ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
