"""Engines that were built on this device, kept in ``HOME/engines`` by everything that their content depends on.

``KEY.engine`` is the engine, ``KEY.json`` beside it what it was built from and how long that took. Both appear whole or
not at all: a build that was cut short leaves nothing that a later session could take for an engine.
"""

import hashlib
import json
import os

from . import files

FOLDER = "engines"


def key_of(artifact, runtime, gpu, flags, profile=None, calibration=None):
    """Return the key (64 hex characters) of an engine.

    `artifact`: the model's SHA-256; `runtime`: TensorRT's full version; `gpu`: {"name", "sm"}; `flags`: what the
    builder was told; `profile`: {input: {"min", "opt", "max"}} of free dimensions; `calibration`: SHA-256 of the
    set, or None.
    """
    parts = {"artifact": artifact, "runtime": runtime, "gpu": gpu, "flags": flags, "profile": profile or {},
             "calibration": calibration}  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8")).hexdigest()


class Cache(object):
    """The engines of one home folder."""

    def __init__(self, home):
        self.folder = os.path.join(home, FOLDER)

    def path(self, key):
        """Return where the engine of `key` is or will be."""
        return os.path.join(self.folder, key + ".engine")

    def find(self, key):
        """Return what is known of a finished engine: {"build_ns", "sha256", "bytes", ...}, or None."""
        known = files.read_json(self._known(key))
        if known is None or not os.path.isfile(self.path(key)):
            return None
        return known if os.path.getsize(self.path(key)) == known.get("bytes") else None

    def part(self, key):
        """Return the path to build to, its folder made; `keep` makes an engine of it. Raises OSError."""
        os.makedirs(self.folder, exist_ok=True)
        return self.path(key) + ".part"

    def keep(self, key, known):
        """Make the finished part the engine of `key`, `known` with its size and hash beside it. Raises OSError."""
        part = self.part(key)
        told = dict(known, bytes=os.path.getsize(part), sha256=files.sha256_of(part))
        self._forget(key)
        fd = os.open(part, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(part, self.path(key))
        files.write_json(self._known(key), told)
        files.sync_folder(self.folder)
        return told

    def sweep(self):
        """Remove what builds that were killed left: halves, and engines of which nothing is known.

        Only the holder of the lease may call it, no other build can be under way then.
        """
        if not os.path.isdir(self.folder):
            return
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            lone = name.endswith(".engine") and not os.path.exists(path[: -len(".engine")] + ".json")
            if lone or ".part" in name:
                os.unlink(path)

    def _known(self, key):
        return os.path.join(self.folder, key + ".json")

    def _forget(self, key):
        """First of all goes what vouches for an engine, so that it never vouches for another."""
        if os.path.exists(self._known(key)):
            os.unlink(self._known(key))

    def drop(self, key):
        """Forget an engine, e.g. one that the runtime refused."""
        for path in (self._known(key), self.path(key), self.path(key) + ".part"):
            if os.path.exists(path):
                os.unlink(path)
