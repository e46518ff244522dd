"""What `--accelerator auto` tries, best first; the last rung is the one that always is there."""

from __future__ import annotations

LADDERS = {
    "onnxruntime": ("tensorrt", "cuda", "cpu"),
    "tflite": ("gpu", "nnapi", "cpu"),
}
"""By backend. Left out on purpose: what needs a vendor's library that nobody can guess (qnn, neuron, hexagon)."""


def ladder(backend: str) -> tuple[str, ...]:
    """The accelerators that `auto` tries for a backend, in order.

    >>> ladder("tflite")
    ('gpu', 'nnapi', 'cpu')
    """
    return LADDERS.get(backend, ("cpu",))
