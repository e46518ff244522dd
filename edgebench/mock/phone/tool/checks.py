"""What `benchmark_model` finds wrong with a model before it runs it, in its own words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from edgebench.mock.phone.tool.flags import Options
from edgebench.mock.phone.tool.graph import Graph, NotAModel, read_graph
from edgebench.mock.phone.tool.placing import Refused
from edgebench.mock.phone.tool.speech import Voice

FLEX = (
    "Select TensorFlow op(s), included in the given model, is(are) not supported by this interpreter. Make sure you "
    "apply/link the Flex delegate before inference. For the Android, it can be resolved by adding "
    '"org.tensorflow:tensorflow-lite-select-tf-ops" dependency. See instructions: '
    "https://www.tensorflow.org/lite/guide/ops_select"
)
CHANNELS = "tensorflow/lite/kernels/conv.cc:350 input->dims->data[3] != filter->dims->data[3] ({} != {})"


def load(options: Options, folder: Path, voice: Voice, flex: bool) -> Graph:
    """The model, checked; `flex`: as if it asked for a Flex operator. Raises `Refused`, having said why."""
    name = options.text("graph")
    if not name:
        fail(voice, "Please specify the name of your TF Lite input file with --graph")
    try:
        graph = read_graph(folder / name)
    except OSError:
        voice.runtime(f"Could not open '{name}'.", "ERROR")
        fail(voice, f"Failed to mmap model {name}")
    except NotAModel:
        voice.runtime("The model is not a valid Flatbuffer buffer", "ERROR")
        fail(voice, f"Failed to mmap model {name}")
    voice.tool(f"Loaded model {name}")
    voice.runtime("Initialized TensorFlow Lite runtime.")
    if flex:
        voice.runtime(FLEX, "ERROR")
        _prepare_failed(voice, 0, "FlexErf")
    _check_operators(graph, voice)
    shapes = given_shapes(options)
    _check_shapes(graph, shapes, voice)
    return graph.resized(shapes)


def fail(voice: Voice, text: str) -> NoReturn:
    """Say so and end. Raises `Refused`."""
    voice.tool(text, "ERROR")
    raise Refused


def _check_operators(graph: Graph, voice: Voice) -> None:
    """A stock build knows no Flex and no custom operator."""
    for index, operator in enumerate(graph.operators):
        if operator.kind.startswith("Flex"):
            voice.runtime(FLEX, "ERROR")
            _prepare_failed(voice, index, operator.kind)
        if operator.custom:
            voice.runtime(f"Encountered unresolved custom op: {operator.kind}.\n", "ERROR")
            fail(voice, "Failed to initialize the interpreter")


def given_shapes(options: Options) -> list[tuple[int, ...]]:
    """The inputs' shapes that the flags give, in order; none where they give none."""
    texts = [text for text in options.text("input_layer_shape").split(":") if text]
    return [tuple(int(size) for size in text.split(",") if size.strip().lstrip("-").isdigit()) for text in texts]


def _check_shapes(graph: Graph, shapes: Sequence[tuple[int, ...]], voice: Voice) -> None:
    """A shape that the first operator cannot take: another rank, or other channels."""
    for given, shape in zip(shapes, graph.inputs.values(), strict=False):
        if len(given) != len(shape) or (shape and given[-1] != shape[-1]):
            kind = graph.operators[0].kind if graph.operators else "CONV_2D"
            ours, theirs = given[-1] if given else 0, shape[-1] if shape else 0
            voice.runtime(CHANNELS.format(ours, theirs), "ERROR")
            _prepare_failed(voice, 0, kind)


def _prepare_failed(voice: Voice, index: int, kind: str) -> NoReturn:
    voice.runtime(f"Node number {index} ({kind}) failed to prepare.\n", "ERROR")
    fail(voice, "Failed to allocate tensors!")
