"""The network: ABPN's plan (Du et al., "Anchor-based Plain Net for Mobile Image Super-Resolution", 2021) for x2.

3x3 convolutions with ReLU compute a residual on the input repeated once per sub-pixel (the anchor), and
DepthToSpace interleaves the sub-pixels. Trained on values 0..1, exported for 0..255 (see export.py).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

SCALE = 2
BODY_LAYERS = 4


class AnchorNet(nn.Module):
    """x2 super-resolution, (N, 3, H, W) in 0..1 to (N, 3, 2H, 2W), unclipped."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        channels = [3] + [width] * (BODY_LAYERS + 1) + [3 * SCALE**2]
        self.convs = nn.ModuleList(nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(channels))
        last = self.convs[-1]
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The enlarged image."""
        features = image
        for conv in self.convs[:-1]:
            features = torch.relu(conv(features))
        subpixels = self.convs[-1](features) + image.repeat(1, SCALE**2, 1, 1)
        return depth_to_space(subpixels)


def depth_to_space(subpixels: torch.Tensor) -> torch.Tensor:
    """ONNX DepthToSpace in DCR mode: channel (i * SCALE + j) * 3 + c goes to row i, column j of colour c."""
    count, _, height, width = subpixels.shape
    split = subpixels.reshape(count, SCALE, SCALE, 3, height, width)
    return split.permute(0, 3, 4, 1, 5, 2).reshape(count, 3, height * SCALE, width * SCALE)


def prune(net: AnchorNet, width: int) -> AnchorNet:
    """``net`` with only the ``width`` filters of greatest L1 norm in every hidden layer.

    Li et al., "Pruning Filters for Efficient ConvNets", 2017: a filter goes, and with it the next layer's
    weights that read its output.
    """
    narrow = AnchorNet(width)
    kept_inputs = torch.arange(3)
    for index, (source, target) in enumerate(zip(net.convs, narrow.convs, strict=True)):
        hidden = index < len(net.convs) - 1
        norms = source.weight.detach().abs().sum(dim=(1, 2, 3))
        kept = torch.topk(norms, width).indices.sort().values if hidden else torch.arange(len(norms))
        target.weight.data.copy_(source.weight.data[kept][:, kept_inputs])
        target.bias.data.copy_(source.bias.data[kept])
        kept_inputs = kept
    return narrow
