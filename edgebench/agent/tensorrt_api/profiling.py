"""Time by layer: TensorRT tells it to a profiler that is set on the context, one call a layer and inference."""

from collections import OrderedDict


def make_profiler(trt):
    """Return a profiler with `means()`: {layer: milliseconds an inference}, in the order of execution."""

    class Profiler(trt.IProfiler):
        """Adds up."""

        def __init__(self):
            trt.IProfiler.__init__(self)
            self._spent = OrderedDict()

        def report_layer_time(self, layer_name, ms):
            """Take one layer's time of one inference."""
            total, count = self._spent.get(layer_name, (0.0, 0))
            self._spent[layer_name] = (total + ms, count + 1)

        def means(self):
            """Return {layer: mean milliseconds}."""
            return OrderedDict((name, total / count) for name, (total, count) in self._spent.items())

    return Profiler()
