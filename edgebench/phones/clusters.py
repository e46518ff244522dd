"""CPU clusters by what the kernel says now, and the hex masks that `taskset` takes.

An offline core makes `taskset` fail and a cpuset may narrow what was asked, so masks are made from the live clusters
and `Cpus_allowed` tells what became of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgebench.phones.numbers import integer

MAX_CPUS = 256
_NAMES = {1: ("all",), 2: ("little", "big"), 3: ("little", "mid", "prime")}


@dataclass(frozen=True)
class Cluster:
    """Cores that share a clock: `cpus` ascending; `mask` in hex; `max_khz` None where the kernel does not say."""

    name: str
    cpus: tuple[int, ...]
    mask: str
    max_khz: int | None = None


def parse_cpus(text: str | None) -> tuple[int, ...]:
    """CPUs of a kernel's list, () for what is none.

    >>> parse_cpus("0 1 2 3"), parse_cpus("0-2,7"), parse_cpus("9-1 x")
    ((0, 1, 2, 3), (0, 1, 2, 7), ())
    """
    cpus: set[int] = set()
    for part in re.split(r"[\s,]+", (text or "").strip()):
        first, dash, last = part.partition("-")
        begin, end = integer(first), integer(last if dash else first)
        if begin is None or end is None or not 0 <= begin <= end < MAX_CPUS:
            return ()
        cpus.update(range(begin, end + 1))
    return tuple(sorted(cpus))


def mask_of(cpus: Iterable[int]) -> str:
    """The mask of `taskset`: hex without a prefix.

    >>> mask_of((4, 5, 6)), mask_of([8])
    ('70', '100')
    """
    return format(sum(1 << cpu for cpu in set(cpus)), "x")


def cpus_of_mask(mask: str | None) -> tuple[int, ...]:
    """CPUs of a hex mask, also of `Cpus_allowed` with its commas; () for what is none.

    >>> cpus_of_mask("f0"), cpus_of_mask("00000000,00000080"), cpus_of_mask("x")
    ((4, 5, 6, 7), (7,), ())
    """
    digits = (mask or "").strip().replace(",", "")
    if not re.fullmatch(r"[0-9a-fA-F]{1,64}", digits):
        return ()
    bits = int(digits, 16)
    return tuple(cpu for cpu in range(MAX_CPUS) if bits >> cpu & 1)


def allowed_cpus(status: str) -> tuple[int, ...]:
    """CPUs that a process may use, of its /proc/PID/status; () where that does not say."""
    found = re.search(r"^Cpus_allowed:\s*(\S+)$", status, re.MULTILINE)
    return cpus_of_mask(found[1] if found else None)


def find_clusters(policies: Mapping[str, tuple[str | None, str | None]], online: Iterable[int] = ()) -> list[Cluster]:
    """Clusters from slowest to fastest, of {policy: (related_cpus, cpuinfo_max_freq)}.

    With `online` given, cores that are switched off are left out. Two policies of one clock stay two clusters.
    """
    awake = set(online)
    found = []
    for policy, (related, max_freq) in sorted(policies.items()):
        cpus = tuple(cpu for cpu in parse_cpus(related) if not awake or cpu in awake)
        if cpus:
            found.append((integer(max_freq), cpus, policy))
    found.sort(key=lambda one: (one[0] or 0, one[1]))
    names = _NAMES.get(len(found)) or tuple(policy for _, _, policy in found)
    return [Cluster(name, cpus, mask_of(cpus), khz) for name, (khz, cpus, _) in zip(names, found, strict=True)]


def wanted_cpus(wanted: str, clusters: Iterable[Cluster]) -> tuple[int, ...]:
    """CPUs of "little", "mid", "prime", "big" (all that are not little), "all", a policy, or a list as "0-3,7".

    () where these cores are not there: an affinity is never half granted.
    """
    clusters = list(clusters)
    present = {cpu for cluster in clusters for cpu in cluster.cpus}
    by_name = {cluster.name: cluster.cpus for cluster in clusters}
    by_name["all"] = tuple(sorted(present))
    by_name["big"] = tuple(sorted(cpu for cluster in clusters[1:] for cpu in cluster.cpus))
    by_name["prime"] = clusters[-1].cpus if clusters else ()
    cpus = by_name[wanted] if wanted in by_name else parse_cpus(wanted)
    return cpus if set(cpus) <= present else ()
