"""An .onnx file into TensorRT's network; what its parser refuses is told by node and operator."""

from ..failures import Failure
from ..trtexec.complaints import complaint_of
from . import release_of, version_of

CODES = {
    "MEM_ALLOC_FAILED": "oom",
    "MODEL_DESERIALIZE_FAILED": "load-failed",
    "UNSUPPORTED_NODE_DATATYPE": "unsupported-precision",
}
"""Names of ErrorCode, as NvOnnxParser.h has them."""


def new_network(trt, builder):
    """Return an empty network whose batch is explicit; before 10 that had to be asked for."""
    if release_of(trt) >= (10, 0):
        return builder.create_network(0)
    return builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))


def parse(trt, network, log, path):
    """Fill the network from the .onnx file at `path`.

    Raises Failure unsupported-op naming node and operator, unsupported-precision, load-failed, oom, build-failed.
    """
    parser = trt.OnnxParser(network, log)
    parsed = parser.parse_from_file(path)
    errors = [parser.get_error(at) for at in range(parser.num_errors)]
    if parsed and not errors:
        return
    if errors:
        raise failure_of(trt, errors[0], log)
    raise Failure("load-failed", log.last_error or "TensorRT's parser did not take the file", "build")


def code_of(word):
    """Return the closed code for the name of a parser's ErrorCode."""
    unsupported = word.startswith("UNSUPPORTED_") or word == "INVALID_NODE"
    return CODES.get(word) or ("unsupported-op" if unsupported else "build-failed")


def failure_of(trt, error, log):
    """Return the Failure for a parser's error; before 10 the error has the node's number, the log its operator."""
    code = code_of(error.code().name)
    said = " ".join(error.desc().split())
    place = place_of(error)
    if place is None and error.node() >= 0:
        told = complaint_of(list(log.lines), "")
        if told.code:
            return Failure(told.code, told.message, "build")
        place = "node number %d" % error.node()
    if place is None:
        return Failure(code, "TensorRT %s: %s" % (version_of(trt), said), "build")
    return Failure(code, "TensorRT %s does not take %s: %s" % (version_of(trt), place, said), "build")


def place_of(error):
    """Return 'the operator Foo (node Foo_3)' where the error itself tells of it: from 10 on; else None."""
    operator = error.node_operator() if hasattr(error, "node_operator") else ""
    if not operator:
        return None
    name = error.node_name() or "number %d" % error.node()
    return "the operator %s (node %s)" % (operator, name)
