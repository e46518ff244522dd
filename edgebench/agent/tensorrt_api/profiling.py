"""Time by layer: TensorRT tells it to a profiler that is set on the context, one call a layer and inference."""

from collections import Counter, OrderedDict


def make_profiler(trt):
    """Return a profiler with `spent`: {layer: milliseconds of all inferences}, in the order of execution."""

    class Profiler(trt.IProfiler):
        """Adds up."""

        def __init__(self):
            trt.IProfiler.__init__(self)
            self.spent = OrderedDict()

        def report_layer_time(self, layer_name, ms):
            """Take one layer's time of one inference."""
            self.spent[layer_name] = self.spent.get(layer_name, 0.0) + ms

    return Profiler()


def times_of(profiler, inferences, layers):
    """Return {name: milliseconds of an inference} for each of `layers` (as the inspector tells them).

    Several layers may have one name: TensorRT's own explorer numbers them. The profile cannot tell them apart, each
    gets an equal part of their time.
    """
    named = Counter(layer.get("Name") if isinstance(layer, dict) else layer for layer in layers)
    return OrderedDict((name, ms / inferences / max(1, named[name])) for name, ms in profiler.spent.items())
