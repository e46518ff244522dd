"""Makes the small .tflite models beside this file, for every TFLite since 2.13; needs ai-edge-litert."""

import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import tflite_models as nets  # noqa: E402


def state(path):
    """t = s + x and y = t + 0: after n runs of the same x, t = n x."""
    graph = nets.Graph()
    for name in ("x", "s", "t", "y"):
        graph.tensor(name, (1, 4))
    graph.constant("zero", nets.values(1, 4) * 0)
    graph.op("ADD", ("s", "x"), ("t",))
    graph.op("ADD", ("t", "zero"), ("y",))
    graph.save(path, ("x", "s"), ("y", "t"))


def main():
    """Write them all."""
    nets.upscaler(HERE / "upscaler.tflite")
    nets.upscaler(HERE / "free.tflite", free=True)
    nets.upscaler_int8(HERE / "integers.tflite")
    nets.classifier(HERE / "classifier.tflite")
    nets.foreign(HERE / "flex.tflite", "FlexErf")
    nets.foreign(HERE / "warp.tflite", "Warp")
    state(HERE / "state.tflite")


if __name__ == "__main__":
    main()
