"""The input size of a member of the family: fixed in the committed files, so that they run as they are.

Nothing in the graph depends on the size, so it can be freed for photographs of any size and fixed to another.
"""

from __future__ import annotations

import onnx

HEIGHT, WIDTH = 180, 320
SCALE = 2


def with_size(model: onnx.ModelProto, height: int | None, width: int | None) -> onnx.ModelProto:
    """A copy that takes 1 x 3 x height x width; None frees the axis (named h, w and, of the output, h2, w2)."""
    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    del sized.graph.value_info[:]
    for value, factor, suffix in ((sized.graph.input[0], 1, ""), (sized.graph.output[0], SCALE, "2")):
        axes = value.type.tensor_type.shape.dim
        for axis, size, name in ((axes[2], height, "h"), (axes[3], width, "w")):
            if size is None:
                axis.dim_param = name + suffix
            else:
                axis.dim_value = size * factor
    return sized
