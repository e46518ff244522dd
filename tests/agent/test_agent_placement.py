"""Which provider ran which node, from profile events as ONNX Runtime writes them."""

import unittest
from collections import namedtuple

from child_harness import module

placement = module("placement")


def kernel(name, provider, suffix="_kernel_time"):
    """Return one event of a profile."""
    return {"cat": "Node", "name": name + suffix, "dur": 5, "args": {"op_name": "Conv", "provider": provider}}


class ProfileTest(unittest.TestCase):
    def test_nodes_by_provider_in_order_once_each(self):
        events = [
            {"cat": "Session", "name": "model_run", "dur": 9, "args": {}},
            kernel("a", "CUDAExecutionProvider"),
            kernel("b", "CPUExecutionProvider"),
            kernel("c", "CUDAExecutionProvider"),
            kernel("a", "CUDAExecutionProvider"),
        ]
        placed = placement.nodes_by_provider(events)
        self.assertEqual(placed, {"CUDAExecutionProvider": ["a", "c"], "CPUExecutionProvider": ["b"]})

    def test_only_kernels_count(self):
        events = [kernel("a", "CPUExecutionProvider", "_fence_before"), {"name": "x_kernel_time"}, {}]
        self.assertEqual(placement.nodes_by_provider(events), {})


class AssignmentTest(unittest.TestCase):
    def test_subgraphs_of_one_provider_are_joined(self):
        node = namedtuple("node", "name")

        class Subgraph(object):
            def __init__(self, ep_name, *names):
                self.ep_name = ep_name
                self._names = names

            def get_nodes(self):
                return [node(name) for name in self._names]

        placed = placement.nodes_by_assignment([Subgraph("A", "x"), Subgraph("B", "y"), Subgraph("A", "z", "w")])
        self.assertEqual(placed, {"A": ["x", "z", "w"], "B": ["y"]})


def node(index, name, inputs, outputs):
    """Return one operator as TFLite's interpreter tells it."""
    return {"index": index, "op_name": name, "inputs": inputs, "outputs": outputs}


class DelegateTest(unittest.TestCase):
    NODES = (
        node(0, "CONV_2D", [0, 10], [1]),
        node(1, "ADD", [1, 11], [2]),
        node(2, "CUSTOM", [2], [3]),
        node(3, "CONV_2D", [3, 12], [4]),
        node(4, "ADD", [4, 1], [5]),
    )

    def test_a_part_is_what_lies_between_its_inputs_and_its_outputs(self):
        parts = [("gpu", ([0, 10, 11], [1, 2])), ("xnnpack", ([3, 12, 1], [5]))]
        placed = placement.nodes_by_delegate(self.NODES, parts)
        self.assertEqual(
            placed, {"gpu": ["CONV_2D 0", "ADD 1"], "cpu": ["CUSTOM 2"], "xnnpack": ["CONV_2D 3", "ADD 4"]}
        )

    def test_without_parts_all_is_on_the_cpu(self):
        self.assertEqual(len(placement.nodes_by_delegate(self.NODES, [])["cpu"]), 5)

    def test_a_part_with_everything(self):
        placed = placement.nodes_by_delegate(self.NODES, [("npu", ([0], [5]))])
        self.assertEqual(list(placed), ["npu"])


if __name__ == "__main__":
    unittest.main()
