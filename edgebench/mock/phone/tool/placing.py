"""Where the stand-in tool puts a model: which accelerator, how much of it, and the words that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgebench.mock.phone.forms import PhoneForm
from edgebench.mock.phone.tool.flags import Options
from edgebench.mock.phone.tool.graph import Graph
from edgebench.mock.phone.tool.speech import Voice

WHOLLY = "Explicitly applied {0} delegate, and the model graph will be completely executed by the delegate."
PARTLY = ("Explicitly applied {0} delegate, and the model graph will be partially executed by the delegate "
          "w/ {1} delegate kernels.")  # fmt: skip
NOT_AT_ALL = "Though {0} delegate is explicitly applied, the model graph will not be executed by the delegate."
SOME_RUN = "{} operations will run on the GPU, and the remaining {} operations will run on the CPU."
NONE_RUN = "No operations will run on the GPU, and all {} operations will run on the CPU."
ACCELERATORS = {"refuses": "qti-default,qti-dsp,qti-gpu,nnapi-reference", "partly": "google-edgetpu,nnapi-reference"}
NNAPI_LINE = 1068


class Refused(Exception):
    """The tool ends here: it has said why."""


@dataclass(frozen=True)
class Placed:
    """`accelerator` is a key of the form's speeds; `share` of the multiplications runs there, the rest on the CPU."""

    accelerator: str = "cpu"
    share: float = 1.0
    kernels: int = 0


def place(options: Options, graph: Graph, form: PhoneForm, voice: Voice, refused: str | None) -> Placed:
    """Apply the delegate that was asked for. `refused` is the operator that the GPU's delegate shall fail on.

    Raises `Refused`, having said why.
    """
    if options.on("use_gpu"):
        return _gpu(graph, voice, refused)
    if options.on("use_nnapi"):
        return _nnapi(graph, form, voice)
    if options.on("use_hexagon"):
        voice.tool("Could not create Hexagon delegate: platform may not support delegate or required libraries are "
                   "missing", "WARN")  # fmt: skip
    elif options.text("external_delegate_path"):
        return _external(Path(options.text("external_delegate_path")), form, voice)
    elif options.on("use_xnnpack"):
        voice.runtime("Created TensorFlow Lite XNNPACK delegate for CPU.")
    return Placed()


def _gpu(graph: Graph, voice: Voice, refused: str | None) -> Placed:
    voice.runtime("Created TensorFlow Lite delegate for GPU.")
    voice.tool("GPU delegate created.")
    for operator in graph.operators:
        if operator.kind == refused:
            voice.runtime(f"TfLiteGpuDelegate Init: {refused}: Operation is not supported for these shapes "
                          f"({operator.output}).", "ERROR")  # fmt: skip
            voice.runtime("TfLiteGpuDelegate Prepare: delegate is not initialized", "ERROR")
            _give_up(voice, f"Node number {len(graph.operators)} (TfLiteGpuDelegateV2) failed to prepare.", "GPU")
    unknown = sorted({operator.kind for operator in graph.operators if not operator.on_gpu})
    kernels = graph.gpu_kernels()
    if unknown:
        ours = sum(operator.on_gpu for operator in graph.operators)
        text = "".join(f"{kind}: Operation is not supported.\n" for kind in unknown)
        rest = len(graph.operators) - ours
        counted = SOME_RUN.format(ours, rest) if ours else NONE_RUN.format(rest)
        voice.runtime(f"Following operations are not supported by GPU delegate:\n{text}{counted}", "ERROR")
    if kernels:
        voice.runtime("Initialized OpenCL-based API.")
    voice.runtime(f"Created {kernels} GPU delegate kernels.")
    return _said(graph, voice, "GPU", kernels, bool(unknown))


def _said(graph: Graph, voice: Voice, name: str, kernels: int, partly: bool) -> Placed:
    """Tell how much was applied. The share is that of the multiplications."""
    if not kernels:
        voice.tool(NOT_AT_ALL.format(name))
        return Placed()
    voice.tool(PARTLY.format(name, kernels) if partly else WHOLLY.format(name))
    ours = sum(operator.macs for operator in graph.operators if operator.on_gpu)
    share = ours / graph.macs if partly and graph.macs else 1.0
    return Placed(name.lower(), share, kernels)


def _nnapi(graph: Graph, form: PhoneForm, voice: Voice) -> Placed:
    if form.nnapi == "absent":
        voice.tool("NNAPI acceleration is unsupported on this platform.", "WARN")
        return Placed()
    voice.tool(f"NNAPI accelerators available: [{ACCELERATORS[form.nnapi]}]")
    voice.runtime("Created TensorFlow Lite delegate for NNAPI.")
    voice.tool("NNAPI delegate created.")
    if form.nnapi == "refuses":
        voice.runtime(f"NN API returned error ANEURALNETWORKS_BAD_DATA at line {NNAPI_LINE} while adding operation.\n",
                      "ERROR")  # fmt: skip
        _give_up(voice, f"Node number {len(graph.operators)} (TfLiteNnapiDelegate) failed to prepare.", "NNAPI")
    return _said(graph, voice, "NNAPI", max(graph.gpu_kernels(), 1), partly=True)


def _give_up(voice: Voice, node: str, name: str) -> None:
    voice.runtime(f"{node}\n", "ERROR")
    voice.runtime("Restored original execution plan after delegate application failure.", "ERROR")
    voice.tool(f"Failed to apply {name} delegate.", "ERROR")
    raise Refused


def _external(library: Path, form: PhoneForm, voice: Voice) -> Placed:
    if not library.is_file() or library.read_bytes()[:4] != b"\x7fELF":
        voice.runtime(f'Failed to load delegate: dlopen failed: library "{library}" not found', "ERROR")
        return Placed()
    voice.tool("EXTERNAL delegate created.")
    voice.tool(WHOLLY.format("EXTERNAL"))
    return Placed("dsp" if "dsp" in form.speeds else "nnapi", 1.0, 1)
