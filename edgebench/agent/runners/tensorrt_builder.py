"""Builds an engine with TensorRT's Python module: the `python` way of `agent/build.py`."""

import hashlib
import os

from .. import engines
from ..cuda import open_cuda
from ..failures import Failure
from ..tensorrt_api import config as settings
from ..tensorrt_api import import_tensorrt, made, parsing, version_of
from ..tensorrt_api.log import make_log
from ..tensorrt_api.progress import Elapsed, Teller, make_monitor
from ..tensorrt_api.reasons import build_failure


class Builder(object):
    """Builds the engine of one variant; `trt` and `cuda` stand for TensorRT and the way to CUDA in tests.

    No timing cache is kept: a build then costs what it costs, whatever was built before.
    """

    def __init__(self, variant, home, jobdir, root="/", trt=None, cuda=None):
        self._variant = variant
        self._home = home
        self._engine = variant["engine"]
        self._flags = self._engine.get("flags") or {}
        self._trt = trt
        self._cuda = cuda

    def version(self):
        """Return TensorRT's version, imported for it. Raises ImportError, Failure runtime-missing."""
        self._trt = self._trt or import_tensorrt(self._variant, self._home)
        return version_of(self._trt)

    def gpu(self):
        """Return {"name", "sm"} of the GPU. Raises Failure."""
        self._cuda = self._cuda or open_cuda()
        return self._cuda.gpu()

    def build(self, part, progress):
        """Build, write the engine to `part`, return what it was built with. Raises Failure."""
        self.version()
        gpu = self.gpu()
        trt = self._trt
        teller = Teller(progress)
        log = make_log(trt, teller.tell)
        builder = made(trt, trt.Builder, log)
        trt.init_libnvinfer_plugins(log, "")
        network = parsing.new_network(trt, builder)
        teller.tell("reading the network")
        parsing.parse(trt, network, log, os.path.join(self._home, self._variant["model"]))
        wanted = self._precisions(network)
        settings.check_precisions(trt, builder, wanted, gpu)
        config = builder.create_builder_config()
        workspace = self._configure(builder, network, config, wanted)
        calibrator = self._calibrate(builder, network, config)
        monitor = self._watch(config, teller)
        with Elapsed(teller):
            blob = builder.build_serialized_network(network, config)
        if calibrator is not None and calibrator.failure is not None:
            raise calibrator.failure
        if blob is None:
            raise build_failure(log, workspace)
        with open(part, "wb") as engine:
            engine.write(blob)
        del monitor  # it had to live as long as the build
        return {
            "layers": network.num_layers,
            "workspace_mib": workspace,
            "precisions": wanted,
            "calibration": _calibrated(calibrator),
            "cuda": {"by": self._cuda.name, "version": self._cuda.version()},
        }

    def _precisions(self, network):
        """The precisions to allow: those asked for, int8 also for a network that is quantised already."""
        asked = [name for name in ("fp16", "int8") if self._flags.get(name)]
        if "int8" not in asked and settings.is_quantised(self._trt, network):
            asked.append("int8")
        return asked

    def _configure(self, builder, network, config, wanted):
        """Set all but calibration; return the workspace's bound in MiB or None."""
        trt = self._trt
        settings.set_precisions(trt, config, wanted, self._flags.get("tf32", True))
        settings.set_dla(trt, builder, config, self._flags.get("dla"))
        settings.set_detail(trt, config)
        self._profile = settings.add_profile(trt, builder, network, config, self._engine.get("profile") or {})
        return settings.set_workspace(trt, config, self._flags.get("workspace_mib"), self._cuda.memory()[1])

    def _calibrate(self, builder, network, config):
        """Set a calibrator where int8 needs one and return it, else None. Raises Failure bad-input, build-failed."""
        if not self._flags.get("int8") or settings.is_quantised(self._trt, network):
            return None
        chosen = self._engine.get("calibration") or {}
        if not chosen.get("files"):
            text = "int8 needs a model with QuantizeLinear and DequantizeLinear, or calibration files"
            raise Failure("build-failed", text, "build")
        from ..tensorrt_api import calibration  # needs numpy, which need not be there to build anything else

        files = [os.path.join(self._home, path) for path in chosen["files"]]
        specs = calibration.specs_of(network, self._engine.get("profile") or {})
        made_one = calibration.make_calibrator(self._trt, self._cuda, files, specs, self._cache_path(chosen))
        config.int8_calibrator = made_one
        if self._profile is not None:
            # calibration runs in one shape: min, opt and max are all the `opt` of the profile
            alone = builder.create_optimization_profile()
            for spec in specs:
                alone.set_shape(spec.name, tuple(spec.shape), tuple(spec.shape), tuple(spec.shape))
            config.set_calibration_profile(alone)
        return made_one

    def _cache_path(self, chosen):
        """Where the scales of this model, set and TensorRT are kept."""
        parts = "%s %s %s %s" % (self._engine["artifact"], chosen.get("sha256"), self.version(),
                                 sorted((self._engine.get("profile") or {}).items()))  # fmt: skip
        name = hashlib.sha256(parts.encode("utf-8")).hexdigest() + ".calibration"
        return os.path.join(self._home, engines.FOLDER, name)

    def _watch(self, config, teller):
        """Have progress told; return the monitor, None where this TensorRT takes none."""
        monitor = make_monitor(self._trt, teller)
        if monitor is not None:
            config.progress_monitor = monitor
        return monitor


def _calibrated(calibrator):
    """What is worth keeping of a calibration."""
    if calibrator is None:
        return None
    return {"batches": calibrator.batches.served, "from_cache": calibrator.from_cache}
