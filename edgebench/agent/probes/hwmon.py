"""Power and energy of hwmon chips other than the INA3221: energy*_input (uJ), power*_input and power*_average (uW)."""

import os

from . import base, totals

NAME = "power:hwmon"
FOLDER = "/sys/class/hwmon"
# The first kind that some chip offers is taken: counters lose nothing between two readings
KINDS = (("energy[0-9]+_input", "accumulating", "uJ"), ("power[0-9]+_input", "instantaneous", "uW"),
         ("power[0-9]+_average", "windowed", "uW"))  # fmt: skip


def find(root, options=None):
    """Return the probe of the best kind present; `options` may hold ``total_rails``. Columns are ``chip/label``."""
    wanted = (options or {}).get("total_rails")
    chips = _chips(base.below(root, FOLDER))
    for pattern, kind, unit in KINDS:
        paths = [(column, path) for folder, chip in chips for column, path in _files(folder, chip, pattern)]
        if not paths:
            continue
        columns = base.distinct([column for column, _ in paths])
        files, denied = base.open_ints(list(zip(columns, [path for _, path in paths])))
        if denied and not files:
            return base.absent(NAME, "unavailable", base.denied_why(denied))
        if files:
            return _probe(files, kind, unit, wanted)
    return base.absent(NAME, "unsupported", "no hwmon chip with power or energy in %s" % FOLDER)


def _probe(files, kind, unit, wanted):
    columns = [name for name, _ in files]
    total, why, scope = _total(columns, wanted)
    window = _window_s([reader.path for _, reader in files]) if kind == "windowed" else None
    source = base.describe(NAME, kind, scope, unit, columns, total=total, total_why=why, window_s=window, max_hz=50)
    return base.Probe(source, [reader for _, reader in files])


def _total(columns, wanted):
    # amd_energy counts cores and sockets; the cores are within the sockets
    sockets = [column for column in columns if column.startswith("amd_energy/Esocket")]
    if sockets and not wanted:
        return sockets, None, "soc"
    total, why, scope = totals.choose(columns, wanted)
    battery = total is not None and all(column.startswith("BAT") for column in total)
    return total, why, "battery" if battery else scope


def _chips(folder):
    """Return (folder, chip name) of every chip that is no INA3221, by name: hwmon numbers move between boots."""
    found = []
    for device in base.names(folder, "hwmon[0-9]+"):
        chip = base.text(os.path.join(folder, device, "name")) or device
        if chip != "ina3221":
            found.append((chip, os.path.join(folder, device)))
    return [(path, chip) for chip, path in sorted(found)]


def _files(folder, chip, pattern):
    """Return (column, path) of the chip's files of one kind."""
    found = []
    for name in base.names(folder, pattern):
        channel = name.split("_")[0]
        label = base.text(os.path.join(folder, channel + "_label")) or base.text(os.path.join(folder, "label"))
        found.append(("%s/%s" % (chip, label or channel), os.path.join(folder, name)))
    return found


def _window_s(paths):
    """Return the longest averaging window in seconds, from power*_average_interval (ms); 1 s where none is told."""
    intervals = [base.parse_int(base.text(path + "_interval").encode("utf-8")) for path in paths]
    return max(interval if interval > 0 else 1000 for interval in intervals) / 1e3
