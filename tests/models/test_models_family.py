"""The committed models are what their cards say."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODELS = REPOSITORY / "models"
TOOL = REPOSITORY / "tools" / "measure_psnr.py"
sys.path.insert(0, str(MODELS))

from cards import with_table  # noqa: E402
from degrade import psnr_db, resize, resize_matrix  # noqa: E402
from judge import bicubic, held_out_pair, model_upscaler  # noqa: E402
from photographs import HELD_OUT, TRAINING, load, pixels_sha256  # noqa: E402
from sizes import with_size  # noqa: E402

WIDTHS = {"sr-x2-w28": 28, "sr-x2-w28-int8": 28, "sr-x2-w16": 16}
NAMES = sorted(WIDTHS)
LITE_NAMES = [f"sr-x2-w28-{precision}.tflite" for precision in ("fp32", "fp16", "int8")]


def read_card(name):
    return json.loads((MODELS / f"{name}.card.json").read_text())


def model_of(name):
    return onnx.load(MODELS / f"{name}.onnx")


def run_tool(*arguments):
    return subprocess.run([sys.executable, str(TOOL), *arguments], capture_output=True, text=True, check=False)


def copy_of(folder, *cards):
    """A folder with these members' cards, and all models: a card may name a parent."""
    for path in [*MODELS.glob("*.onnx"), *MODELS.glob("*.tflite")]:
        shutil.copy(path, folder)
    for name in cards:
        shutil.copy(MODELS / f"{name}.card.json", folder)
    return folder


def rewrite(path, **changes):
    card = json.loads(path.read_text())
    card.update(changes)
    path.write_text(json.dumps(card))
    return card


class TestFiles:
    def test_every_model_has_a_card_and_every_card_a_model(self):
        assert sorted(path.stem for path in MODELS.glob("*.onnx")) == NAMES
        assert sorted(path.name for path in MODELS.glob("*.tflite")) == sorted(LITE_NAMES)
        cards = {path.name.removesuffix(".card.json") for path in MODELS.glob("*.card.json")}
        assert cards == {*NAMES, *LITE_NAMES}
        assert {read_card(name)["name"] for name in cards} == cards
        assert {read_card(name)["file"] for name in cards} == {*(f"{name}.onnx" for name in NAMES), *LITE_NAMES}

    def test_the_family_is_small(self):
        committed = [path for path in MODELS.iterdir() if path.is_file()]
        assert sum(path.stat().st_size for path in committed) < 1_000_000

    def test_the_readme_shows_the_figures_of_the_cards(self):
        readme = (MODELS / "README.md").read_text()
        assert with_table(readme, [read_card(name) for name in [*WIDTHS, *LITE_NAMES]]) == readme


@pytest.mark.parametrize("name", NAMES)
class TestModel:
    def test_is_valid_and_old_enough_for_every_jetpack(self, name):
        model = model_of(name)
        onnx.checker.check_model(model, full_check=True)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 13)]
        assert model.ir_version <= 8

    def test_is_the_file_its_card_describes(self, name):
        content, card = (MODELS / f"{name}.onnx").read_bytes(), read_card(name)
        assert card["sha256"] == hashlib.sha256(content).hexdigest()
        assert card["bytes"] == len(content)
        model = onnx.load_from_string(content)
        assert (card["opset"], card["ir_version"]) == (model.opset_import[0].version, model.ir_version)

    def test_parameters_and_macs_follow_from_its_width(self, name):
        width, card = WIDTHS[name], read_card(name)
        kernels = 9 * (3 * width + 4 * width**2 + 12 * width)
        assert card["params"] == kernels + 5 * width + 12 + 2  # biases, and the bounds of Clip
        assert card["macs"] == {"input_shape": [1, 3, 180, 320], "count": kernels * 180 * 320}

    def test_stores_its_kernels_in_the_type_the_card_names(self, name):
        wanted = {"float32": onnx.TensorProto.FLOAT, "int8": onnx.TensorProto.INT8}[read_card(name)["weights"]]
        kernels = [tensor for tensor in model_of(name).graph.initializer if len(tensor.dims) == 4]
        assert len(kernels) == 6
        assert {tensor.data_type for tensor in kernels} == {wanted}

    def test_reaches_the_psnr_of_its_card(self, name):
        low, truth = held_out_pair("chelsea")
        card = read_card(name)
        measured = psnr_db(truth, model_upscaler(MODELS / f"{name}.onnx")(low), 2)
        assert measured == pytest.approx(card["psnr_db"]["chelsea"], abs=0.02)
        assert psnr_db(truth, bicubic(low), 2) == pytest.approx(card["bicubic_psnr_db"]["chelsea"], abs=0.02)

    def test_is_fixed_to_a_size_so_that_it_runs_as_it_is(self, name):
        session = onnxruntime.InferenceSession(MODELS / f"{name}.onnx", providers=["CPUExecutionProvider"])
        assert session.get_inputs()[0].shape == [1, 3, 180, 320]
        assert session.get_outputs()[0].shape == [1, 3, 360, 640]

    def test_takes_any_size_when_freed_and_stays_within_0_to_255(self, name):
        extremes = np.random.default_rng(7).choice([0.0, 255.0], (1, 3, 17, 30)).astype(np.float32)
        free = with_size(model_of(name), None, None).SerializeToString()
        session = onnxruntime.InferenceSession(free, providers=["CPUExecutionProvider"])
        (enlarged,) = session.run(None, {"input": extremes})
        assert enlarged.shape == (1, 3, 34, 60)
        assert (enlarged.min(), enlarged.max()) == (0, 255)

    def test_card_keeps_training_and_held_out_photographs_apart(self, name):
        card = read_card(name)
        trained, held = (
            {each["pixels_sha256"] for each in card[key]} for key in ("training_photographs", "held_out_photographs")
        )
        assert trained == {pixels_sha256(load(each)) for each in TRAINING}
        assert held == {pixels_sha256(load(each)) for each in HELD_OUT}
        assert len(held) >= 2
        assert not trained & held


class TestMeasuringTool:
    def test_accepts_the_committed_cards(self):
        answer = run_tool("--check")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert all(f"{name}:" in answer.stdout for name in [*NAMES, *LITE_NAMES])

    def test_refuses_a_figure_that_is_not_measured(self, tmp_path):
        folder = copy_of(tmp_path, "sr-x2-w28")
        path = folder / "sr-x2-w28.card.json"
        scores = {**read_card("sr-x2-w28")["psnr_db"]}
        scores["chelsea"] += 0.05
        rewrite(path, psnr_db=scores)
        answer = run_tool("--check", "--models", str(folder))
        assert answer.returncode == 1
        assert answer.stdout.count("FAIL") == 1
        assert "psnr_db.chelsea" in answer.stdout

    def test_refuses_a_model_that_does_not_beat_bicubic_by_the_bound(self, tmp_path):
        folder = copy_of(tmp_path, "sr-x2-w28")
        card = read_card("sr-x2-w28")
        rewrite(folder / "sr-x2-w28.card.json", min_margin_db=card["margin_db"] + 0.1)
        answer = run_tool("--check", "--models", str(folder))
        assert answer.returncode == 1
        assert "margin over bicubic" in answer.stdout

    def test_refuses_a_tflite_file_that_strays_from_its_original(self, tmp_path):
        folder = copy_of(tmp_path, "sr-x2-w28-int8.tflite")
        rewrite(folder / "sr-x2-w28-int8.tflite.card.json", min_parity_db=90.0)
        answer = run_tool("--check", "--models", str(folder))
        assert answer.returncode == 1
        assert answer.stdout.count("parity on") == answer.stdout.count("FAIL") == 2

    def test_refuses_photographs_other_than_those_of_the_card(self, tmp_path):
        folder = copy_of(tmp_path, "sr-x2-w16")
        held = [{**each, "pixels_sha256": "0" * 64} for each in read_card("sr-x2-w16")["held_out_photographs"]]
        rewrite(folder / "sr-x2-w16.card.json", held_out_photographs=held)
        answer = run_tool("--check", "--models", str(folder))
        assert answer.returncode == 1
        assert answer.stdout.count("has other pixels") == len(held)


class TestDegradation:
    """Weights of Keys' kernel at the phases of x2, worked out by hand."""

    def test_halving_is_antialiased_over_eight_samples(self):
        weights = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
        np.testing.assert_allclose(resize_matrix(32, 16, 0.5)[8, 13:21], weights, atol=1e-12)

    def test_doubling_reads_four_samples(self):
        weights = np.array([-3, 29, 111, -9]) / 128
        np.testing.assert_allclose(resize_matrix(16, 32, 2)[16, 6:10], weights, atol=1e-12)

    def test_borders_mirror_and_weights_sum_to_one(self):
        matrix = resize_matrix(16, 32, 2)
        np.testing.assert_allclose(matrix.sum(axis=1), 1)
        np.testing.assert_allclose(matrix[0, :2], [(111 + 29) / 128, (-9 - 3) / 128], atol=1e-12)

    def test_a_flat_photograph_stays_flat(self):
        flat = np.full((20, 14, 3), 200, np.uint8)
        assert (resize(flat, 0.5) == 200).all()
        assert resize(flat, 2).shape == (40, 28, 3)
