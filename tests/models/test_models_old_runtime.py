"""Every model loads and runs where JetPack 4 and 5 leave it: old Pythons with old runtimes, at every optimisation."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODELS = REPOSITORY / "models"
for folder in (MODELS, REPOSITORY / "tests"):
    sys.path.insert(0, str(folder))

from degrade import psnr_db  # noqa: E402
from environments import OLD_RUNTIMES, old_runtime_python  # noqa: E402
from judge import from_planes, held_out_pair, to_planes  # noqa: E402
from sizes import with_size  # noqa: E402

NAMES = sorted(path.stem for path in MODELS.glob("*.onnx"))
LEVELS = ["ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"]

RUN_THERE = """
import sys
import numpy as np
import onnxruntime as ort
model, photo, out = sys.argv[1:4]
outputs = {}
for level in sys.argv[4:]:
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs[level] = session.run(None, {"input": np.load(photo)})[0]
np.savez(out, **outputs)
print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], ort.__version__))
"""


@pytest.mark.timeout(600)  # the first run on a machine installs the environment
@pytest.mark.parametrize(
    "version", [v if v == "3.6" else pytest.param(v, marks=pytest.mark.heavy) for v in sorted(OLD_RUNTIMES)]
)
@pytest.mark.parametrize("name", NAMES)
def test_runs_there_with_the_psnr_of_its_card(name, version, tmp_path):
    python = old_runtime_python(version)
    low, truth = held_out_pair("chelsea")
    np.save(tmp_path / "photo.npy", to_planes(low))
    free = with_size(onnx.load(MODELS / f"{name}.onnx"), None, None)
    onnx.save(free, tmp_path / "model.onnx")
    files = [str(tmp_path / "model.onnx"), str(tmp_path / "photo.npy"), str(tmp_path / "out.npz")]
    answer = subprocess.run(
        [str(python), "-I", "-c", RUN_THERE, *files, *LEVELS], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    runtime = dict(entry.split("==") for entry in OLD_RUNTIMES[version].packages)["onnxruntime"]
    assert answer.stdout.split() == [version, runtime]
    stated = json.loads((MODELS / f"{name}.card.json").read_text())["psnr_db"]["chelsea"]
    with np.load(tmp_path / "out.npz") as outputs:
        assert sorted(outputs) == sorted(LEVELS)
        for level in LEVELS:
            assert psnr_db(truth, from_planes(outputs[level]), 2) == pytest.approx(stated, abs=0.02), level
