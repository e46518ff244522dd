"""Re-measure the PSNR of the model family on the held-out photographs.

``python tools/measure_psnr.py`` prints the figures; with ``--check`` it exits 1 when a figure differs from the card
by more than 0.02 dB, when the mean's margin over bicubic is under the card's bound (0.5 dB at least for the float32
models), when a TFLite file is further from its ONNX original than its card allows, or when the photographs of this
scikit-image are not those the card was measured on.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

MODELS = Path(__file__).resolve().parents[1] / "models"
sys.path.insert(0, str(MODELS))

from judge import bicubic, judge, model_upscaler, parity  # noqa: E402
from photographs import HELD_OUT, load, pixels_sha256  # noqa: E402

TOLERANCE_DB = 0.02
FLOAT_MARGIN_DB = 0.5


def complaints(card: dict[str, Any], scores: dict[str, float], baseline: dict[str, float]) -> list[str]:
    """What is wrong with ``card`` given the PSNR just measured; empty when it holds."""
    found = []
    for label, stated, measured in (
        ("psnr_db", card["psnr_db"], scores),
        ("bicubic_psnr_db", card["bicubic_psnr_db"], baseline),
    ):
        for name, value in measured.items():
            if name not in stated or abs(stated[name] - value) > TOLERANCE_DB:
                found.append(f"{label}.{name}: card says {stated.get(name)}, measured {value:.3f}")
    floor = FLOAT_MARGIN_DB if card["weights"] == "float32" else 0.0
    bound = max(card["min_margin_db"], floor)
    margin = scores["mean"] - baseline["mean"]
    if margin < bound:
        found.append(f"margin over bicubic {margin:.3f} dB is under {bound} dB")
    return found


def strays(card: dict[str, Any], folder: Path) -> list[str]:
    """Photographs on which a TFLite file's outputs are further from those of its ONNX original than the card allows."""
    if "min_parity_db" not in card:
        return []
    return [
        f"parity on {photograph} {value:.1f} dB is under {card['min_parity_db']} dB"
        for photograph, value in parity(folder / card["file"], folder / f"{card['parent']}.onnx").items()
        if not value >= card["min_parity_db"]
    ]


def strangers(card: dict[str, Any]) -> list[str]:
    """Held-out photographs whose pixels differ from those the card was measured on."""
    stated = {each["name"]: each["pixels_sha256"] for each in card["held_out_photographs"]}
    return [
        f"photograph {each.name} of this scikit-image has other pixels than the card's"
        for each in HELD_OUT
        if stated.get(each.name) != pixels_sha256(load(each))
    ]


def main() -> int:
    """Print a line per model and, with --check, what does not hold; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the cards")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the models and cards")
    args = parser.parse_args()
    paths = sorted(args.models.glob("*.card.json"))
    if not paths:
        parser.error(f"no *.card.json in {args.models}")
    baseline = judge(bicubic)
    failed = False
    for path in paths:
        card = json.loads(path.read_text())
        scores = judge(model_upscaler(args.models / card["file"]))
        figures = ", ".join(f"{name} {value:.3f} dB" for name, value in scores.items())
        print(f"{card['name']}: {figures}, over bicubic {scores['mean'] - baseline['mean']:+.3f} dB")
        if args.check:
            found = strangers(card) + complaints(card, scores, baseline) + strays(card, args.models)
            failed = failed or bool(found)
            for line in found:
                print(f"  FAIL {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
