"""The jobs in the home folder: what was pushed, what runs, what waits to be collected."""

import os
import shutil
import time

from . import files, protocol

TAIL_BYTES = 65536


class BadJob(Exception):
    """A job's folder that cannot be used; the message says why."""


class Job(object):
    """One job: its folder ``HOME/jobs/ID`` and job.json's content in `spec`."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.home = os.path.dirname(os.path.dirname(self.folder))
        self.id = os.path.basename(self.folder)
        self.spec = files.read_json(self.path("job.json"))

    def path(self, name):
        """Return the path of a file in the job's folder."""
        return os.path.join(self.folder, name)

    def checked(self):
        """Return self. Raises BadJob where job.json is missing, damaged or of another protocol."""
        if os.path.basename(os.path.dirname(self.folder)) != "jobs":
            raise BadJob("%s is no folder of a job" % self.folder)
        if self.spec is None:
            raise BadJob("%s has no readable job.json" % self.folder)
        if self.spec.get("protocol") != protocol.PROTOCOL:
            raise BadJob("job speaks protocol %s, agent %d" % (self.spec.get("protocol"), protocol.PROTOCOL))
        missing = [key for key in ("nonce", "lease_s", "variants", "steps") if key not in self.spec]
        if missing:
            raise BadJob("job.json lacks %s" % ", ".join(missing))
        return self

    @property
    def started(self):
        """Whether a supervisor has begun this job."""
        return os.path.exists(self.path("events.jsonl"))

    @property
    def finished(self):
        """Whether the job's stream has its `end`."""
        try:
            with open(self.path("events.jsonl"), "rb") as source:
                size = source.seek(0, os.SEEK_END)
                source.seek(max(0, size - TAIL_BYTES))
                lines = source.read().splitlines()
        except OSError:
            return False
        return bool(lines) and has_end(lines[-1] + b"\n", (self.spec or {}).get("nonce", ""))

    def state(self, lease):
        """Return new, running, finished or dead; `lease` is `Lease.look()`."""
        if self.finished:
            return "finished"
        if lease["state"] == "held" and lease.get("job") == self.id:
            return "running"
        return "dead" if self.started else "new"

    def described(self, lease):
        """Return the fields of this job's `job` event: all that another controller needs to collect it."""
        spec = self.spec or {}
        state = self.state(lease)
        return {
            "job": self.id,
            "state": state,
            "holder": spec.get("holder"),
            "nonce": spec.get("nonce"),
            "host": spec.get("host"),
            "steps": len(spec.get("steps") or []),
            "bytes": self.size(),
            "quiet_s": self.quiet_s(),
            "lease_expires_s": lease.get("remaining_s") if state == "running" else None,
        }

    def size(self):
        """Bytes of events written so far."""
        try:
            return os.path.getsize(self.path("events.jsonl"))
        except OSError:
            return 0

    def quiet_s(self):
        """Seconds since the job's record last grew (since it was pushed, for one never begun); None if it is gone."""
        for name in ("events.jsonl", "job.json", ""):
            try:
                return max(0.0, round(time.time() - os.path.getmtime(self.path(name)), 3))
            except OSError:
                continue
        return None

    def discard(self, lease, remove=shutil.rmtree):
        """Remove the job's folder. Raises BadJob while it runs; a folder that is gone already is no error."""
        if os.path.basename(os.path.dirname(self.folder)) != "jobs":
            raise BadJob("%s is no folder of a job" % self.folder)
        if not os.path.isdir(self.folder):
            return
        if self.state(lease) == "running":
            raise BadJob("job %s is running" % self.id)
        while os.path.isdir(self.folder):
            try:
                remove(self.folder)
            except FileNotFoundError:
                pass  # its supervisor, past `end` but not gone yet, took a file of its own away meanwhile


def has_end(line, nonce):
    """Tell whether a whole line is the frame of an `end` event of `nonce`."""
    if b'"ev":"end"' not in line:
        return False
    reader = protocol.FrameReader(nonce)
    reader.feed(line)
    return reader.ended


def all_jobs(home):
    """Return the jobs of a home folder, by name."""
    folder = os.path.join(home, "jobs")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [Job(os.path.join(folder, name)) for name in names if os.path.isdir(os.path.join(folder, name))]
