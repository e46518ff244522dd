"""Train the family: ``python models/train.py wide`` then ``python models/train.py narrow``.

``wide`` trains sr-x2-w28 from nothing; ``narrow`` prunes it to 16 channels and trains on. Both write
``models/<name>.onnx`` and keep a checkpoint per 500 steps in ``--work``, from which they go on when restarted.
Held-out photographs are neither loaded nor evaluated here: the last step's weights are the model.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from degrade import Photo, crop_to_multiple, resize
from export import write_float_model
from network import SCALE, AnchorNet, prune
from photographs import TRAINING, load

HERE = Path(__file__).parent
WIDE, NARROW = 28, 16
SEED = 20261121
BATCH = 16
PATCH = 24  # low-resolution pixels
SHRINKS = (1.0, 0.8, 0.6)
MSE_SHARE = 0.3  # the last part of the steps minimises the squared error, which is what PSNR measures
CHECKPOINT_EVERY = 500


class Patches:
    """Random pairs of patches: low-resolution (B, 3, P, P) and truth (B, 3, 2P, 2P), float32 in 0..1."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.pairs: list[tuple[Photo, Photo]] = []
        weights: list[float] = []
        for photograph in TRAINING:
            pixels = load(photograph)
            for shrink in SHRINKS:
                truth = crop_to_multiple(pixels if shrink == 1.0 else resize(pixels, shrink), SCALE)
                self.pairs.append((resize(truth, 1 / SCALE), truth))
                weights.append(photograph.weight)
        self.shares = np.array(weights) / sum(weights)

    def one(self) -> tuple[Photo, Photo]:
        """One pair of patches, flipped and turned at random."""
        low, truth = self.pairs[self.rng.choice(len(self.pairs), p=self.shares)]
        top = self.rng.integers(0, low.shape[0] - PATCH + 1)
        left = self.rng.integers(0, low.shape[1] - PATCH + 1)
        turns, flip = int(self.rng.integers(4)), bool(self.rng.integers(2))
        pair = (
            low[top : top + PATCH, left : left + PATCH],
            truth[SCALE * top : SCALE * (top + PATCH), SCALE * left : SCALE * (left + PATCH)],
        )
        turned = [np.rot90(patch, turns) for patch in pair]
        first, second = [patch[:, ::-1] if flip else patch for patch in turned]
        return first, second

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch of pairs."""
        lows, truths = zip(*(self.one() for _ in range(BATCH)), strict=True)
        return to_tensor(lows), to_tensor(truths)


def to_tensor(patches: tuple[Photo, ...]) -> torch.Tensor:
    """Patches (H, W, 3) uint8 as one (B, 3, H, W) float32 tensor in 0..1."""
    return torch.from_numpy(np.stack(patches).transpose(0, 3, 1, 2).astype(np.float32) / 255)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up over 200 steps, then a cosine from ``peak`` down to a hundredth of it."""
    warm = min(1.0, (step + 1) / 200)
    return warm * peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def fit(net: AnchorNet, steps: int, peak: float, checkpoint: Path) -> None:
    """Train ``net`` in place, going on from ``checkpoint`` when it exists."""
    optimiser = torch.optim.Adam(net.parameters(), lr=peak)
    patches = Patches(SEED)
    start = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        start = state["step"]
        patches.rng = np.random.default_rng(SEED + start)
    began, total = time.monotonic(), 0.0
    for step in range(start, steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        low, truth = patches.batch()
        error = net(low) - truth
        loss = error.abs().mean() if step < steps * (1 - MSE_SHARE) else error.square().mean() * 20
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += float(error.detach().square().mean())
        if (step + 1) % CHECKPOINT_EVERY == 0:
            psnr = -10 * math.log10(total / CHECKPOINT_EVERY)
            print(f"step {step + 1} training PSNR {psnr:.3f} dB, {time.monotonic() - began:.0f} s", flush=True)
            total = 0.0
            torch.save({"net": net.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1}, checkpoint)


def main() -> None:
    """Train one member and write its ONNX file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("member", choices=["wide", "narrow"])
    parser.add_argument("--steps", type=int, default=None, help="default: wide 24000, narrow 12000")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=HERE / "build", help="folder of the checkpoints")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)
    args.work.mkdir(parents=True, exist_ok=True)
    wide, wide_checkpoint = AnchorNet(WIDE).to(memory_format=torch.channels_last), args.work / "wide.pt"
    if args.member == "wide":
        fit(wide, args.steps or 24000, 1e-3, wide_checkpoint)
        write_float_model(wide.state_dict(), HERE / f"sr-x2-w{WIDE}.onnx")
        return
    wide.load_state_dict(torch.load(wide_checkpoint, weights_only=True)["net"])
    narrow = prune(wide, NARROW).to(memory_format=torch.channels_last)
    fit(narrow, args.steps or 12000, 1e-3, args.work / "narrow.pt")
    write_float_model(narrow.state_dict(), HERE / f"sr-x2-w{NARROW}.onnx")


if __name__ == "__main__":
    main()
