"""RAPL: energy counters of the processor's packages (/sys/class/powercap/intel-rapl:N, also on AMD)."""

from . import base

NAME = "power:rapl"
FOLDER = "/sys/class/powercap"


def find(root, options=None):
    """Return the probe of the package domains; sub-domains are parts of them and left out, psys is no part of a total.

    Counters wrap at ``max_energy_range_uj``. They are readable by root only since the kernel's PLATYPUS fix.
    """
    folder = base.below(root, FOLDER)
    # intel-rapl-mmio:N shows the same package again
    domains = base.names(folder, "intel-rapl:[0-9]+")
    labels = base.distinct([base.text(base.below(folder, domain, "name")) or domain for domain in domains])
    kept = [(label, base.below(folder, domain)) for label, domain in zip(labels, domains) if _wanted(label)]
    if not kept:
        return base.absent(NAME, "unsupported", "no RAPL package domain in %s" % FOLDER)
    files, denied = base.open_ints([(label, base.below(path, "energy_uj")) for label, path in kept])
    packages = [label for label, _ in files if label.startswith("package")]
    if denied:
        return base.absent(NAME, "unavailable", base.denied_why(denied))
    if not packages:
        return base.absent(NAME, "unavailable", "RAPL package domains without energy_uj")
    paths = dict(kept)
    wrap = [_positive(base.text(base.below(paths[label], "max_energy_range_uj"))) for label, _ in files]
    columns = [label for label, _ in files]
    source = base.describe(NAME, "accumulating", "soc", "uJ", columns, wrap=wrap, total=packages, max_hz=100)
    return base.Probe(source, [reader for _, reader in files])


def _wanted(label):
    return label.startswith(("package", "psys"))


def _positive(text):
    # the range is the largest value shown, so a wrapped counter has come round by one more
    value = base.parse_int(text.encode("utf-8"))
    return value + 1 if value > 0 else None
