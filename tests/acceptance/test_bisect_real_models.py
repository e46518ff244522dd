"""Parts of pretrained models that others publish: branches, states and constants as exporters leave them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from environments import fetched_model
from onnx_parts import check_part, every_value
from rooms import Room

from edgebench.artifacts.cut_onnx import OnnxCutter

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]  # the first run on a machine fetches

SHAPES = {
    "ppocr-mobile-v2-cls": {"x": (1, 3, 48, 192)},
    "ppocr-v4-det": {"x": (1, 3, 64, 96)},
    "silero-vad-16k": {"input": (1, 576), "state": (2, 1, 128), "sr": ()},
    "nudenet-320n": {"images": (1, 3, 64, 96)},
}


@pytest.mark.parametrize("name", SHAPES)
def test_parts_of_a_published_model_compute_its_own_values(name: str, tmp_path: Path) -> None:
    source = fetched_model(name)
    rng = np.random.default_rng(7)
    feeds = {key: rng.uniform(0, 1, dims).astype(np.float32) for key, dims in SHAPES[name].items() if dims}
    if "sr" in SHAPES[name]:
        feeds["sr"] = np.array(16_000, np.int64)
    values = every_value(source, feeds)
    cutter = OnnxCutter(source)
    count = len(cutter.operators)
    chosen = random.Random(7)
    parts = [(0, chosen.randrange(count)) for _ in range(12)] + [(at, at) for at in chosen.sample(range(count), 12)]
    parts += [tuple(sorted((chosen.randrange(count), chosen.randrange(count)))) for _ in range(12)]
    checked = 0
    for first, last in parts:
        if not cutter.can(first, last) or any(face.name not in values for face in cutter.inputs_of(first, last)):
            continue
        check_part(cutter, first, last, tmp_path / "part.onnx", values)
        checked += 1
    assert checked >= len(parts) // 2


def test_the_operator_that_a_runtime_refuses_is_found_in_one(tmp_path: Path) -> None:
    room = Room(tmp_path, "local")
    room.install_faulty_runtime()
    options = ("--option", "session.fault=refuse@Softmax", "--shape", "x=1x3x48x192", "--json", "-")
    model = fetched_model("ppocr-mobile-v2-cls")
    done = room.edgebench("bisect", model, "--accelerator", "cpu", "--device", "board", *options, timeout=500)
    assert done.returncode == 0, done.stderr
    assert [one["op"] for one in done.document["culprit"]] == ["Softmax"]
    assert len(done.document["trials"]) <= 14
