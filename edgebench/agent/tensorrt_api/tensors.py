"""An engine's inputs and outputs: bindings by number (until 8.4, and implicit batches), by name from 8.5 on."""

import functools

from ..failures import Failure
from ..runners import Spec

DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "UINT8": "uint8",
}
"""TensorRT's names -> numpy's. `tensorrt.nptype` would do, but fails in 8.x with numpy 1.24 and newer."""


def open_tensors(trt, engine, context):
    """Return the tensors of an engine in the way that it offers."""
    implicit = getattr(engine, "has_implicit_batch_dimension", False)
    if hasattr(engine, "num_io_tensors") and not implicit:
        return Named(trt, engine, context)
    return Numbered(trt, engine, context)


def refuse(text):
    """Return the failure of an engine whose tensors this runner cannot feed."""
    return Failure("load-failed", text + "; `--option way=trtexec` may run it", "load")


def spec_of(trt, name, dtype, shape, limits, layout):
    """Return a Spec. A dimension that every profile fixes is fixed; `limits()` gives [min, opt, max] of a free one."""
    if layout != trt.TensorFormat.LINEAR:
        raise refuse("tensor %s lies as %s, not one value after the other" % (name, layout.name))
    sizes = [int(size) for size in shape]
    if -1 in sizes and limits is not None:
        least, _, most = limits()
        sizes = [low if size == -1 and low == high else size for size, low, high in zip(sizes, least, most)]
    return Spec(name, DTYPES.get(dtype.name), [None if size < 0 else size for size in sizes], dtype.name)


class Named(object):
    """Tensors by name, with `execute_async_v3`."""

    by = "names"

    def __init__(self, trt, engine, context):
        self._engine = engine
        self._context = context
        self.inputs, self.outputs = [], []
        for at in range(engine.num_io_tensors):
            name = engine.get_tensor_name(at)
            is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            if engine.get_tensor_location(name) != trt.TensorLocation.DEVICE:
                raise refuse("%s is a shape that TensorRT wants on the host" % name)
            limits = functools.partial(self.limits, name) if is_input else None
            dtype, layout = engine.get_tensor_dtype(name), engine.get_tensor_format(name)
            spec = spec_of(trt, name, dtype, engine.get_tensor_shape(name), limits, layout)
            (self.inputs if is_input else self.outputs).append(spec)

    def limits(self, name):
        """Return [min, opt, max] of an input's shape."""
        return [[int(size) for size in shape] for shape in self._engine.get_tensor_profile_shape(name, 0)]

    def resize(self, name, shape):
        """Tell the shape of an input; False where no profile takes it."""
        return self._context.set_input_shape(name, tuple(shape))

    def size(self, name):
        """Return the shape of a tensor as it is with the inputs' shapes."""
        return [int(size) for size in self._context.get_tensor_shape(name)]

    def attach(self, name, address):
        """Tell where on the GPU a tensor lies."""
        if not self._context.set_tensor_address(name, address):
            raise RuntimeError("TensorRT did not take the address of %s" % name)

    def action(self, handle):
        """Return the action that puts one inference into the stream `handle`; it returns whether that went well."""
        return functools.partial(self._context.execute_async_v3, handle)


class Numbered(object):
    """Bindings by number, with `execute_async_v2`; `execute_async` where the batch is implicit."""

    by = "numbers"

    def __init__(self, trt, engine, context):
        self._engine = engine
        self._context = context
        self._implicit = bool(getattr(engine, "has_implicit_batch_dimension", False))
        self._batch = 1
        self._addresses = [0] * engine.num_bindings  # those of further profiles stay 0
        self._numbers = {}
        self.inputs, self.outputs = [], []
        for at in range(engine.num_bindings // max(1, engine.num_optimization_profiles)):
            name = engine.get_binding_name(at)
            self._numbers[name] = at
            if engine.is_shape_binding(at):
                raise refuse("%s is a shape that TensorRT wants on the host" % name)
            shape = ([-1] if self._implicit else []) + list(engine.get_binding_shape(at))
            is_input = engine.binding_is_input(at)
            limits = functools.partial(self.limits, name) if is_input and not self._implicit else None
            spec = spec_of(trt, name, engine.get_binding_dtype(at), shape, limits, engine.get_binding_format(at))
            (self.inputs if is_input else self.outputs).append(spec)

    def limits(self, name):
        """Return [min, opt, max] of an input's shape."""
        at = self._numbers[name]
        if self._implicit:
            sizes = [int(size) for size in self._engine.get_binding_shape(at)]
            return [[batch] + sizes for batch in (1, 1, self._engine.max_batch_size)]
        return [[int(size) for size in shape] for shape in self._engine.get_profile_shape(0, at)]

    def resize(self, name, shape):
        """Tell the shape of an input; False where no profile takes it."""
        if not self._implicit:
            return self._context.set_binding_shape(self._numbers[name], tuple(shape))
        self._batch = shape[0]
        return 1 <= self._batch <= self._engine.max_batch_size

    def size(self, name):
        """Return the shape of a tensor as it is with the inputs' shapes."""
        sizes = [int(size) for size in self._context.get_binding_shape(self._numbers[name])]
        return [self._batch] + sizes if self._implicit else sizes

    def attach(self, name, address):
        """Tell where on the GPU a tensor lies."""
        self._addresses[self._numbers[name]] = address

    def action(self, handle):
        """Return the action that puts one inference into the stream `handle`; it returns whether that went well."""
        addresses = list(self._addresses)
        if self._implicit:
            return functools.partial(self._context.execute_async, self._batch, addresses, handle)
        return functools.partial(self._context.execute_async_v2, addresses, handle)
