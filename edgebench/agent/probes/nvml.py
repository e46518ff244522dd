"""NVIDIA GPUs through libnvidia-ml: the energy counter (mJ, Volta and later), else the power averaged over a second."""

import ctypes

from . import base, totals

NAME = "power:nvml"
LIBRARY = "libnvidia-ml.so.1"
POWER_WINDOW_S = 1.0
ENERGY, POWER = "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"


def find(root, options=None, load=ctypes.CDLL):
    """Return the probe of all GPUs, columns gpu0.. in NVML's order; the total of several needs ``total_rails``.

    `load` opens the library by name and raises OSError if there is none. Under another root than "/" there is none.
    """
    if root != "/":
        return base.absent(NAME, "unsupported", "NVML serves the machine itself, not a tree at %s" % root)
    try:
        library = load(LIBRARY)
        handles = devices(library)
    except (OSError, AttributeError) as error:
        return base.absent(NAME, "unsupported", "no NVML: %s" % error)
    except NvmlError as error:
        return base.absent(NAME, "unavailable", str(error))
    if not handles:
        return base.absent(NAME, "unsupported", "NVML shows no GPU")
    columns = ["gpu%d" % index for index in range(len(handles))]
    total, why, _ = totals.choose(columns, (options or {}).get("total_rails"))
    known = {"total": total, "total_why": why, "max_hz": 20}
    energy = [Counter(library, ENERGY, device, ctypes.c_ulonglong) for device in handles]
    if base.MISSING not in [reader() for reader in energy]:
        return base.Probe(base.describe(NAME, "accumulating", "gpu", "uJ", columns, **known), energy)
    power = [Counter(library, POWER, device, ctypes.c_uint) for device in handles]
    if base.MISSING not in [reader() for reader in power]:
        source = base.describe(NAME, "windowed", "gpu", "uW", columns, window_s=POWER_WINDOW_S, **known)
        return base.Probe(source, power)
    return base.absent(NAME, "unsupported", "NVML tells neither energy nor power of this GPU")


class NvmlError(Exception):
    """NVML is there but refused."""


def _check(library, name, *arguments):
    code = getattr(library, name)(*arguments)
    if code != 0:
        raise NvmlError("%s failed with code %d" % (name, code))


def devices(library):
    """Return the handles of all GPUs. Raises NvmlError."""
    _check(library, "nvmlInit_v2")
    count = ctypes.c_uint(0)
    _check(library, "nvmlDeviceGetCount_v2", ctypes.byref(count))
    handles = []
    for index in range(count.value):
        handle = ctypes.c_void_p()
        _check(library, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
        handles.append(handle)
    return handles


class Counter(object):
    """One figure of one GPU in milli-units; calling it returns micro-units, or `MISSING`."""

    def __init__(self, library, name, device, kind):
        self._call = getattr(library, name, None)
        self._device = device
        self._value = kind(0)

    def __call__(self):
        """Return the present value."""
        if self._call is None or self._call(self._device, ctypes.byref(self._value)) != 0:
            return base.MISSING
        value = self._value.value * 1000
        return value if value < base.LIMIT else base.MISSING
