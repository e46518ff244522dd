"""The `build` step: an engine for a variant, from the cache or built here, the same for every way of building.

A **way** is a small object. `WAYS` names its module and class by ``variant["engine"]["way"]``; it is made with
(variant, home, jobdir, root), all four as a Session has them, and gives

    version()               the runtime's full version as text, "8.2.1.8"; may import it or start it
    gpu()                   {"name", "sm"} of the GPU that the engine will be for
    build(part, progress)   builds, and writes the engine to the path `part` (its folder exists, the file does not);
                            calls progress(done, text) now and then (done: share 0..1, or None where unknown).
                            Returns a dict with what else is worth keeping (JSON), or None.

All three raise Failure with one of the closed codes (`trtexec.complaints.code_of` reads TensorRT's own messages:
it knows unsupported-op, unsupported-precision, oom with its hint, delegate-failed, bad-input), or what the runtime
raises, which `Stage("build")` judges. Nothing else is a way's business: keys, the cache, times, events, disk-full,
what a kill leaves behind stand here. One build at a time is the lease's doing: a job holds it.

Later steps of the job ask `built(variant, home, jobdir)` for the path of the engine to load: the one that the job's
build step left, or the artifact itself where it is prebuilt.
"""

import hashlib
import importlib
import json
import os

from . import clock, files
from .engines import Cache, key_of
from .failures import Failure, Stage

WAYS = {"python": ("runners.tensorrt_builder", "Builder"), "trtexec": ("trtexec.builder", "Builder")}
NO_ROOM_BYTES = 1 << 20
"""A file system with less than this left is taken for the reason why a builder could not write its engine."""

SAYS_LITTLE = ("build-failed", "load-failed")
"""Codes of a builder that gave no reason; trtexec says "Error opening engine file" of one that it could not write."""


def open_way(session):
    """Return the way of a session's variant. Raises Failure runtime-missing where the agent has none."""
    name = (session.variant.get("engine") or {}).get("way")
    if name not in WAYS:
        message = "the agent cannot build engines by %s; it knows %s" % (name, ", ".join(sorted(WAYS)))
        raise Failure("runtime-missing", message, "build")
    module, made = WAYS[name]
    way = getattr(importlib.import_module("." + module, __package__), made)
    return way(session.variant, session.home, session.jobdir, session.root)


def build(session, way=None, free_bytes=None):
    """The pass: emits `phase`, `progress` and `engine`, leaves word of the engine for the job's later steps.

    `way` and `free_bytes(folder)` are for tests. Raises Failure.
    """
    session.emitter.phase("build")
    with Stage("import"):
        way = way or open_way(session)
        runtime, gpu = way.version(), way.gpu()
    engine = session.variant["engine"]
    key = key_for(session.variant, runtime, gpu)
    cache = Cache(session.home)
    with Stage("build"):
        cache.sweep()
        known = cache.find(key)
    cached = known is not None
    if not cached:
        known = _built_now(session, way, cache, key, {"runtime": runtime, "gpu": gpu}, free_bytes or free_of)
    with Stage("build"):
        files.write_json(_note(session.variant, session.jobdir), {"key": key})
    told = {name: known.get(name) for name in ("build_ns", "bytes", "sha256", "runtime", "gpu")}
    told.update(key=key, cached=cached, way=engine["way"], flags=engine.get("flags") or {}, more=known.get("more"))
    session.emitter.emit("engine", **told)


def key_for(variant, runtime, gpu):
    """Return the cache's key of a variant's engine; two ways never share one, their defaults differ.

    A variant's options are no part of it: what of them the builder is told stands in the flags.
    """
    engine = variant["engine"]
    flags = dict(engine.get("flags") or {}, way=engine["way"])
    return key_of(engine["artifact"], runtime, {"name": gpu.get("name"), "sm": gpu.get("sm")}, flags,
                  engine.get("profile"), (engine.get("calibration") or {}).get("sha256"))  # fmt: skip


def built(variant, home, jobdir):
    """Return the path of the engine that a variant's steps load. Raises Failure build-failed where there is none."""
    if (variant.get("engine") or {}).get("prebuilt"):
        return os.path.join(home, variant["model"])
    note = files.read_json(_note(variant, jobdir)) or {}
    cache = Cache(home)
    if not note.get("key") or cache.find(note["key"]) is None:
        raise Failure("build-failed", "no engine was built for this variant in this job", "load")
    return cache.path(note["key"])


def free_of(folder):
    """Return the bytes that an ordinary user can still write to a folder's file system."""
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize


def _note(variant, jobdir):
    """Where a job's build step says which engine it is: two variants of a job have a file each."""
    mark = json.dumps([variant.get("model"), variant["engine"], variant.get("options")], sort_keys=True)
    return os.path.join(jobdir, "engine-%s.json" % hashlib.sha256(mark.encode("utf-8")).hexdigest()[:16])


def _built_now(session, way, cache, key, told, free_bytes):
    """Build, keep and return what is known of the engine; a failure leaves nothing of it behind."""

    def progress(done, text):
        session.emitter.emit("progress", done=done, text=text)

    progress(None, "begins")
    cache.drop(key)
    known = None
    try:
        with Stage("build"):
            part = cache.part(key)
            began = clock.monotonic_ns()
            more = way.build(part, progress)
            told["build_ns"] = clock.monotonic_ns() - began
            if not os.path.isfile(part) or not os.path.getsize(part):
                raise Failure("build-failed", "the builder ended well and left no engine", "build")
            known = cache.keep(key, dict(told, more=more or {}))
            return known
    except Failure as failure:
        raise _no_room(failure, cache.folder, free_bytes)
    finally:
        if known is None:
            cache.drop(key)


def _no_room(failure, folder, free_bytes):
    """Return the failure, as disk-full where the builder only said that it failed and nothing is left to write to."""
    if failure.code not in SAYS_LITTLE or free_bytes(folder) >= NO_ROOM_BYTES:
        return failure
    return Failure("disk-full", "no room is left for the engine in %s: %s" % (folder, failure.message), "build")
