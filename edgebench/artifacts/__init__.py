"""Model files: what they are, what they hold, what they need."""

from edgebench.artifacts.artifact import Artifact, ArtifactFile, load_artifact
from edgebench.artifacts.counting import Counts, NodeCount, OpCount, count
from edgebench.artifacts.liveness import PeakEstimate, estimate_peak, estimated_peak_bytes
from edgebench.artifacts.onnx_model import ModelInfo, read_onnx
from edgebench.artifacts.precision import Precision
from edgebench.artifacts.restamp import minimum_ir, restamp
from edgebench.artifacts.shapes import ShapeError, parse_shape, resolve_shapes, shape_text
from edgebench.artifacts.sniff import Format, sniff
from edgebench.artifacts.state_pairs import StatePair
from edgebench.artifacts.tensor_spec import TensorSpec

__all__ = [
    "Artifact",
    "ArtifactFile",
    "Counts",
    "Format",
    "ModelInfo",
    "NodeCount",
    "OpCount",
    "PeakEstimate",
    "Precision",
    "ShapeError",
    "StatePair",
    "TensorSpec",
    "count",
    "estimate_peak",
    "estimated_peak_bytes",
    "load_artifact",
    "minimum_ir",
    "parse_shape",
    "read_onnx",
    "resolve_shapes",
    "restamp",
    "shape_text",
    "sniff",
]
