"""Makes the small models beside this file (opset 13, IR 7, so that ONNX Runtime 1.10 takes them); needs onnx."""

import pathlib

from onnx import TensorProto, helper

HERE = pathlib.Path(__file__).parent
FLOAT = TensorProto.FLOAT


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def save(name, nodes, inputs, outputs, initializers=(), domains=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", 13)] + [helper.make_opsetid(domain, 1) for domain in domains]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=7, producer_name="edgebench-tests")
    (HERE / name).with_suffix(".onnx").write_bytes(model.SerializeToString())


def main():
    free = ["N", 4]
    save(
        "affine",  # y = 2x + 1
        [helper.make_node("Mul", ["x", "two"], ["m"], "mul"), helper.make_node("Add", ["m", "one"], ["y"], "add")],
        [value("x", FLOAT, free)],
        [value("y", FLOAT, free)],
        [helper.make_tensor("two", FLOAT, [1], [2.0]), helper.make_tensor("one", FLOAT, [1], [1.0])],
    )
    save(
        "state",  # y = x + s, s' = s + x: after n runs of the same x, s' = n x
        [helper.make_node("Add", ["x", "s"], ["t"], "sum"), helper.make_node("Identity", ["t"], ["y"], "id")],
        [value("x", FLOAT, [1, 4]), value("s", FLOAT, [1, "N", 4])],
        [value("y", FLOAT, [1, 1, 4]), value("t", FLOAT, [1, 1, 4])],
    )
    save(
        "kinds",  # one input of each kind, each handed on
        [helper.make_node("Identity", [n], ["out/" + n + ":0"], n) for n in ("f", "u8", "i8", "i64", "b")],
        [
            value("f", FLOAT, [2, 3]),
            value("u8", TensorProto.UINT8, [64]),
            value("i8", TensorProto.INT8, [64]),
            value("i64", TensorProto.INT64, [2]),
            value("b", TensorProto.BOOL, []),
        ],
        [
            value("out/f:0", FLOAT, [2, 3]),
            value("out/u8:0", TensorProto.UINT8, [64]),
            value("out/i8:0", TensorProto.INT8, [64]),
            value("out/i64:0", TensorProto.INT64, [2]),
            value("out/b:0", TensorProto.BOOL, []),
        ],
    )
    save(
        "foreign",  # an operator that no stock runtime knows
        [helper.make_node("Mystery", ["x"], ["y"], "odd", domain="com.example")],
        [value("x", FLOAT, free)],
        [value("y", FLOAT, free)],
        domains=["com.example"],
    )
    save(
        "gather",  # index -> row: an index out of range fails while running
        [helper.make_node("Gather", ["table", "i"], ["y"], "row")],
        [value("i", TensorProto.INT64, [1])],
        [value("y", FLOAT, [1, 2])],
        [helper.make_tensor("table", FLOAT, [3, 2], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])],
    )
    save(
        "greedy",  # asks for 4 TiB at once
        [helper.make_node("Expand", ["x", "shape"], ["y"], "huge")],
        [value("x", FLOAT, [1])],
        [value("y", FLOAT, ["A", "B"])],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [1 << 20, 1 << 20])],
    )


if __name__ == "__main__":
    main()
