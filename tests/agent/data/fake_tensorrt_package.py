"""The package `tensorrt` of a runtime folder, simulated: a child imports it, the libcudart beside it is its own."""

import ctypes
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "told.json")) as source:
    TOLD = json.load(source)
sys.path.append(TOLD["tests"])
ctypes.CDLL(os.path.join(HERE, "libcudart.so.10.2"))

import fake_tensorrt  # noqa: E402


class Streams(object):
    """Every stream does at once what it is given, as those of the libcudart beside."""

    def __getitem__(self, handle):
        return self

    def put(self, action, ns=0):
        action()


class Cuda(object):
    """The board as the fake TensorRT sees it."""

    device = {"name": "NVIDIA Tegra X1", "sm": "5.3"}
    streams = Streams()


vars(sys.modules[__name__]).update(vars(fake_tensorrt.make(TOLD["version"], Cuda(), TOLD["board"])))
