"""A variant's options as TFLite takes them: which kernels, which delegate library with which settings."""

from ..failures import Failure

RESOLVERS = {"xnnpack": "AUTO", "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}
KNOWN = ("kernels", "delegate")
PREFIX = "delegate."


class Options(object):
    """`kernels`: xnnpack (TFLite's own choice), builtin or reference; `delegate`: a library on the device.

    `delegate_options`: what stands behind `delegate.`, handed to the library. Raises Failure load-failed for a key or
    value that is not known.
    """

    def __init__(self, variant):
        options = variant.get("options") or {}
        self.kernels = options.get("kernels", "xnnpack")
        self.delegate = options.get("delegate")
        self.delegate_options = {k[len(PREFIX) :]: str(v) for k, v in options.items() if k.startswith(PREFIX)}
        rest = sorted(key for key in options if key not in KNOWN and not key.startswith(PREFIX))
        if rest:
            text = "unknown option %s for tflite; known: %s, or a key that begins with %s"
            raise Failure("load-failed", text % (", ".join(rest), ", ".join(KNOWN), PREFIX), "load")
        if self.kernels not in RESOLVERS:
            known = ", ".join(sorted(RESOLVERS))
            raise Failure("load-failed", "kernels=%s is not known; known: %s" % (self.kernels, known), "load")
        if self.delegate and (variant.get("accelerator") or "cpu") == "cpu":
            raise Failure("load-failed", "a delegate needs an accelerator other than cpu, its name in tables", "load")
