"""Write every member's card and the table in README.md: ``python models/cards.py``.

The figures are measured here and now; run it after training or quantising, never to silence a failing check.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from judge import SCALE, bicubic, count, judge, model_upscaler, parity
from lite import count_lite, side
from photographs import HELD_OUT, TRAINING, Photograph, load, pixels_sha256
from sizes import HEIGHT, WIDTH

HERE = Path(__file__).parent
TABLE_BEGIN, TABLE_END = "<!-- table: written by cards.py -->", "<!-- end of table -->"
TRAINED = (
    "Adam, learning rate 1e-3 with a cosine down to 1e-5, batch 16 of 24x24 low-resolution patches, flips, turns "
    "and three scales; L1 for the first 70 % of the steps, squared error for the rest; seed 20261121; torch 2.13.0"
)
LITE = (
    "models/tflite.py with tensorflow-cpu 2.21.0: the graph written as a tf.function with the weights of "
    "sr-x2-w28.onnx, converted by tf.lite.TFLiteConverter"
)
MEMBERS: dict[str, dict[str, Any]] = {
    "sr-x2-w28": {
        "how_made": f"models/train.py wide: 24000 steps from random weights. {TRAINED}.",
        "parent": None,
        "weights": "float32",
        "activations": "float32",
        "min_margin_db": 0.5,
    },
    "sr-x2-w28-int8": {
        "how_made": (
            "models/quantize.py: static QDQ by onnxruntime, convolutions with their ReLUs only, min-max "
            "calibration on 36 patches of the training photographs; weights int8 per channel with reduced range "
            "(-64..64), so that processors without VNNI do not saturate; the tail (anchor, DepthToSpace, Clip) "
            "stays float32."
        ),
        "parent": "sr-x2-w28",
        "weights": "int8",
        "activations": "uint8",
        "min_margin_db": 0.5,
    },
    "sr-x2-w16": {
        "how_made": (
            "models/train.py narrow: sr-x2-w28 pruned to the 16 filters of greatest L1 norm in every hidden layer, "
            f"then 12000 steps more. {TRAINED}."
        ),
        "parent": "sr-x2-w28",
        "weights": "float32",
        "activations": "float32",
        "min_margin_db": 0.5,
    },
    "sr-x2-w28-fp32.tflite": {
        "how_made": f"{LITE}.",
        "parent": "sr-x2-w28",
        "weights": "float32",
        "activations": "float32",
        "min_margin_db": 0.5,
        "min_parity_db": 100.0,
    },
    "sr-x2-w28-fp16.tflite": {
        "how_made": f"{LITE}; weights stored in 16 bits and widened by DEQUANTIZE unless the accelerator takes them.",
        "parent": "sr-x2-w28",
        "weights": "float16",
        "activations": "float32",
        "min_margin_db": 0.5,
        "min_parity_db": 60.0,
    },
    "sr-x2-w28-int8.tflite": {
        "how_made": (
            f"{LITE}, calibrated on the same 36 patches of the training photographs as the ONNX int8 member; weights "
            "int8 per channel; input, output and every operator between them are int8, the tail included."
        ),
        "parent": "sr-x2-w28",
        "weights": "int8",
        "activations": "int8",
        "min_margin_db": 0.5,
        "min_parity_db": 40.0,
    },
}


def rounded(scores: dict[str, float]) -> dict[str, float]:
    """``scores`` to a thousandth of a dB."""
    return {name: round(value, 3) for name, value in scores.items()}


def describe(photographs: tuple[Photograph, ...]) -> list[dict[str, str]]:
    """What a card says of each photograph."""
    return [
        {"name": each.name, "file": each.file, "rights": each.rights, "pixels_sha256": pixels_sha256(load(each))}
        for each in photographs
    ]


def card(name: str) -> dict[str, Any]:
    """The card of the member ``name``, measured."""
    path = HERE / (name if name.endswith(".tflite") else f"{name}.onnx")
    scores, baseline = judge(model_upscaler(path)), judge(bicubic)
    return {
        "name": name,
        "file": path.name,
        "task": f"super-resolution x{SCALE}",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "licence": "Apache-2.0",
        **(of_lite(path) if path.suffix == ".tflite" else of_onnx(path)),
        **MEMBERS[name],
        "psnr_db": rounded(scores),
        "bicubic_psnr_db": rounded(baseline),
        "margin_db": round(scores["mean"] - baseline["mean"], 3),
        "psnr_definition": (
            "RGB, data range 255, uint8, border crop 2; low resolution made by antialiased bicubic shrinking "
            "(a = -0.5) as defined in models/degrade.py; the bicubic baseline is the same kernel"
        ),
        "measured_with": f"{runtime_of(path)}, scikit-image {version('scikit-image')}",
        "training_photographs": describe(TRAINING),
        "held_out_photographs": describe(HELD_OUT),
    }


def runtime_of(path: Path) -> str:
    """The runtime that the member was judged with."""
    if path.suffix == ".tflite":
        return f"ai-edge-litert {version('ai-edge-litert')}"
    return f"onnxruntime {onnxruntime.__version__}"


def of_onnx(path: Path) -> dict[str, Any]:
    """What the card of an ONNX file says of its content."""
    model = onnx.load(path)
    parameters, macs = count(model, HEIGHT, WIDTH)
    return {
        "opset": model.opset_import[0].version,
        "ir_version": model.ir_version,
        "input": {"name": "input", "dtype": "float32", "shape": [1, 3, HEIGHT, WIDTH], "values": "RGB 0..255"},
        "output": {
            "name": "output",
            "dtype": "float32",
            "shape": [1, 3, SCALE * HEIGHT, SCALE * WIDTH],
            "values": "RGB 0..255",
        },
        "params": parameters,
        "macs": {"count": macs, "input_shape": [1, 3, HEIGHT, WIDTH]},
    }


def of_lite(path: Path) -> dict[str, Any]:
    """What the card of a TFLite file says of its content, and how near its outputs are to the ONNX file's."""
    parameters, macs = count_lite(path, HEIGHT, WIDTH)
    near = parity(path, HERE / "sr-x2-w28.onnx")
    return {
        "input": side(path, "input"),
        "output": side(path, "output"),
        "params": parameters,
        "macs": {"count": macs, "input_shape": [1, HEIGHT, WIDTH, 3]},
        "parity_db": {photograph: round(value, 1) for photograph, value in near.items()},
        "parity_definition": "PSNR of the unrounded outputs against those of sr-x2-w28.onnx, data range 255",
    }


def table(cards: list[dict[str, Any]]) -> str:
    """The README's table, in Markdown."""
    names = [each.name for each in HELD_OUT]
    head = ["model", "weights / activations", "parameters", "GMACs at 180x320", "kB"]
    head += [f"{name}, dB" for name in names] + ["mean, dB", "over bicubic, dB"]
    baseline = cards[0]["bicubic_psnr_db"]
    rows = [["bicubic", "", "", "", "", *(f"{baseline[name]:.2f}" for name in [*names, "mean"]), ""]]
    for each in cards:
        rows.append(
            [
                each["name"],
                f"{each['weights']} / {each['activations']}",
                f"{each['params']:,}",
                f"{each['macs']['count'] / 1e9:.2f}",
                f"{each['bytes'] / 1000:.0f}",
                *(f"{each['psnr_db'][name]:.2f}" for name in [*names, "mean"]),
                f"{each['margin_db']:+.2f}",
            ]
        )
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def with_table(readme: str, cards: list[dict[str, Any]]) -> str:
    """``readme`` with its table replaced by that of ``cards``."""
    before, rest = readme.split(TABLE_BEGIN)
    _, after = rest.split(TABLE_END)
    return f"{before}{TABLE_BEGIN}\n{table(cards)}\n{TABLE_END}{after}"


def main() -> None:
    """Write the cards and the table."""
    cards = [card(name) for name in MEMBERS]
    for each in cards:
        path = HERE / f"{each['name']}.card.json"
        path.write_text(json.dumps(each, indent=2) + "\n")
        print(f"{each['name']}: {each['psnr_db']} bicubic {each['bicubic_psnr_db']} margin {each['margin_db']}")
    readme = HERE / "README.md"
    readme.write_text(with_table(readme.read_text(), cards))


if __name__ == "__main__":
    main()
