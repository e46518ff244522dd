"""The lint's table: each known trouble with its accelerators, the rewrite that helps, and where that is known from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edgebench.artifacts import lint_finds as see
from edgebench.artifacts.lint_graph import LintGraph, LintNode

TF = "https://github.com/tensorflow/tensorflow"
GPU_CHECKS = f"{TF}/blob/master/tensorflow/lite/tools/versioning/gpu_compatibility.cc"
GPU_GUIDE = f"{TF}/blob/master/tensorflow/lite/delegates/gpu/README.md"
NNAPI_GUIDE = "https://www.tensorflow.org/lite/android/delegates/nnapi"
HEXAGON_GUIDE = "https://www.tensorflow.org/lite/android/delegates/hexagon"
EDGETPU_GUIDE = "https://coral.ai/docs/edgetpu/models-intro/"
FLEX_GUIDE = "https://www.tensorflow.org/lite/guide/ops_select"
STATIC = ("gpu", "nnapi", "hexagon", "qnn", "neuron", "edgetpu")
ANY = ("cpu", *STATIC)


@dataclass(frozen=True)
class Case:
    """One known trouble: who has it, how it is seen, what to do, and where that is known from.

    `find` gives the operators that have it; for a trouble of the whole graph, nothing, or its first input.
    `asked_only`: told only to who asks about that accelerator.
    """

    code: str
    accelerators: tuple[str, ...]
    find: Callable[[LintGraph], Iterable[LintNode]]
    text: str
    rewrite: str
    source: str
    formats: tuple[str, ...] = ("tflite",)
    asked_only: bool = False


STANDS_FOR = {
    "ARG_MAX": "return the scores and take the maximum on the CPU, outside the network",
    "ARG_MIN": "return the scores and take the minimum on the CPU, outside the network",
    "BATCH_TO_SPACE_ND": "export the convolution with its dilation: the pair around it goes away",
    "SPACE_TO_BATCH_ND": "export the convolution with its dilation: the pair around it goes away",
    "EXPAND_DIMS": "a RESHAPE to the same shape",
    "SQUEEZE": "a RESHAPE to the same shape",
    "SHAPE": "export with fixed sizes: the shapes are then constants",
    "UNPACK": "a SPLIT along the same axis",
    "L2_NORMALIZATION": "x * rsqrt(sum(x * x)) of single operators",
    "LOG_SOFTMAX": "a SOFTMAX, its logarithm outside the network",
    "TOPK_V2": "return the scores and choose on the CPU, outside the network",
    "GATHER_ND": "a GATHER along one axis, or slices",
}
"""Operators that the GPU delegate has not, and what stands for them there."""

CASES: tuple[Case, ...] = (
    Case(
        "flex",
        ANY,
        see.flex,
        "an operator of TensorFlow: 'make sure you link the Flex delegate'",
        "convert without SELECT_TF_OPS; else a benchmark_model with Flex, and expect it on the CPU",
        FLEX_GUIDE,
    ),
    Case(
        "custom",
        ANY,
        see.custom,
        "a custom operator: only the library that it is for takes it",
        "give that library (`--option delegate=PATH`), or write it in TFLite's own operators",
        "https://www.tensorflow.org/lite/guide/ops_custom",
    ),
    Case(
        "placeholder-input",
        ANY,
        see.placeholder_input,
        "an input of one pixel is what a converter writes where no size was given: its figures mean nothing",
        "convert again with the real size of the input",
        "users' reports: models converted with a [1,1,1,3] input",
        ("tflite", "onnx"),
    ),
    Case(
        "dynamic-shape",
        STATIC,
        see.free_axes,
        "axes without a size: a delegate 'only supports static-sized tensors', and takes nothing",
        "convert with fixed sizes, batch included",
        f"{TF}/issues/47168",
        ("tflite", "onnx"),
    ),
    Case(
        "grid-sample",
        STATIC,
        see.kinds(*sorted(see.WARPS)),
        "grid_sample: TFLite has no operator for it, and converters make a gather of it or a custom operator",
        "warp by whole pixels (PAD, SLICE), or outside the network; the GPU delegate knows a custom Resampler",
        GPU_CHECKS,
        ("tflite", "onnx"),
    ),
    Case(
        "batch-changed",
        ("gpu",),
        see.batch_changed,
        "axis 0 is no longer the batch: 'Batch size mismatch, expected 1 but got N' refuses the whole graph",
        "keep [1, H, W, C]: a layer norm as mean and variance over the channel axis, without the reshape to pixels",
        f"{TF}/issues/60817",
        ("tflite", "onnx"),
    ),
    Case(
        "five-axes",
        ("gpu", "hexagon", "edgetpu"),
        see.five_axes,
        "a value of 5 axes: 'bad input dims size: 5'",
        "fold two axes into one, so that every value is [1, H, W, C]",
        f"{TF}/issues/39920",
        ("tflite", "onnx"),
    ),
    Case(
        "fully-connected",
        ("gpu",),
        see.deep_dense,
        "a fully connected layer over an input that is not flat: 'Amount of input data should match weights width'",
        "a 1x1 convolution with the same weights, on [1, H, W, C]",
        f"{TF}/issues/35445",
        ("tflite", "onnx"),
    ),
    Case(
        "int64",
        ("gpu", "nnapi", "hexagon", "edgetpu"),
        see.wide_integers,
        "computes in int64: no accelerator takes such a value, and the graph is cut there",
        "make indices int32 before the export, or take them out of the network",
        GPU_CHECKS,
    ),
    Case(
        "outer-product",
        ("gpu",),
        see.outer_products,
        "a MUL in which each side is the smaller one somewhere: refused",
        "a convolution, or a TILE of one side first",
        GPU_CHECKS,
    ),
    Case(
        "flat-slice",
        ("gpu",),
        see.flat_slices,
        "a slice of a value that has neither 3 nor 4 axes: refused",
        "slice while the value is [1, H, W, C]",
        GPU_CHECKS,
    ),
    *(
        Case(
            f"no-{kind.lower().replace('_', '-')}",
            ("gpu",),
            see.kinds(kind),
            "the GPU delegate has no such operator, and the graph is cut there",
            rewrite,
            GPU_CHECKS,
        )
        for kind, rewrite in STANDS_FOR.items()
    ),
    Case(
        "not-on-gpu",
        ("gpu",),
        see.unknown_to_gpu,
        "the GPU delegate has no such operator, and the graph is cut there",
        "write it in operators that it has, or put it at the end of the network, on the CPU",
        GPU_CHECKS,
    ),
    Case(
        "grouped",
        ("gpu", "nnapi", "hexagon", "edgetpu"),
        see.grouped,
        "a grouped convolution: fewer FLOPs, and often slower (users: 30.0 ms for 2.776 GFLOPs, 27.8 ms for 2.949)",
        "a depthwise convolution and a 1x1 one, or a plain convolution: measure both",
        "users' tables",
        ("tflite", "onnx"),
    ),
    Case(
        "layout-moves",
        ANY,
        see.layout_moves,
        "transposes between NCHW and NHWC: each moves the whole picture (1.7 times the CPU time, on one network)",
        "convert to NHWC throughout, with the input in that layout",
        GPU_GUIDE,
    ),
    Case(
        "integers-on-gpu",
        ("gpu",),
        see.integers,
        "quantised: a GPU computes in floats all the same, and may be no faster than with the fp16 or fp32 file",
        "measure the float file on the GPU, the quantised one on the CPU or an NPU",
        GPU_GUIDE,
        asked_only=True,
    ),
    Case(
        "floats-on-integer-unit",
        ("hexagon", "edgetpu"),
        see.floats,
        "a float graph: this accelerator takes 8-bit integers only, and will take nothing of it",
        "quantise it to full integers",
        f"{HEXAGON_GUIDE}, {EDGETPU_GUIDE}",
        asked_only=True,
    ),
    Case(
        "deprecated",
        ("nnapi", "hexagon"),
        see.everything,
        "this delegate is deprecated and no longer maintained; drivers differ from vendor to vendor and by version",
        "the GPU, or the vendor's own library (qnn, neuron)",
        NNAPI_GUIDE,
        asked_only=True,
    ),
)
