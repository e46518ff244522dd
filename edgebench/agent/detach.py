"""Starting a supervisor that outlives whoever started it."""

import json
import os
import sys
import traceback

from . import files
from .jobs import Job
from .journal import Journal
from .lease import Lease, Locked, described
from .supervise import Supervisor

ENDING_S = 5.0


def start(job, argv, clock):
    """Start the job's supervisor in the background; return the answer's event fields.

    {"ev": "started", "pid"} once it holds the lease, or {"ev": "locked", ...} with `Lease.look`'s fields, or
    {"ev": "failed", "code", "message"}. A job that has been started already is `started` again, with `again` true.
    """
    if job.started:
        lease = Lease(job.home, clock).look()
        return {"ev": "started", "again": True, "state": job.state(lease), "pid": lease.get("pid")}
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    middle = os.fork()
    if middle == 0:
        os.close(reader)
        _in_between(job, argv, clock, writer)
    os.close(writer)
    os.waitpid(middle, 0)
    with os.fdopen(reader, "rb") as answers:
        line = answers.readline()
    if not line:
        message = "the supervisor died before it could answer; see log.txt of the job"
        return {"ev": "failed", "code": "internal", "message": message}
    return json.loads(line.decode("utf-8"))


def _in_between(job, argv, clock, writer):
    """The forked process: a session of its own, forks once more, ends."""
    try:
        os.setsid()
        if os.fork() == 0:
            _supervise(job, argv, clock, writer)
    finally:
        os._exit(0)


def _supervise(job, argv, clock, writer):
    """The supervisor's process, to its end."""
    status = 1
    answered = []

    def answer(fields):
        answered.append(fields)
        _answer(writer, fields)

    try:
        _stdio(job.path("log.txt"))
        lease = Lease(job.home, clock)
        taken = _take(job, lease, clock)
        if taken["ev"] == "started":
            Supervisor(job, lease, Journal(job.home), argv, clock).run(ready=lambda: answer(taken))
            status = 0
        else:
            answer(taken)
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is told and the process ends here
        traceback.print_exc()
        if not answered:
            answer({"ev": "failed", "code": files.code_of(error), "message": "%s" % error})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _take(job, lease, clock):
    """Take the lease; a holder that has told its `end` already is waited for, it is about to let go."""
    for patience_s in (ENDING_S, 0):
        try:
            lease.acquire(job.spec.get("holder") or "another session", job.id, float(job.spec["lease_s"]))
        except Locked as locked:
            held = locked.lease
        else:
            return {"ev": "started", "pid": os.getpid()}
        other = Job(os.path.join(job.home, "jobs", str(held.get("job"))))
        if not (other.finished and patience_s and lease.wait(patience_s)):
            break
    return dict(described(held, clock.monotonic_ns()), ev="locked")


def _answer(writer, answer):
    files.write_all(writer, json.dumps(answer).encode("utf-8") + b"\n")
    os.close(writer)


def _stdio(log_path):
    """Point stdin at nothing and stdout and stderr at the log, so that no caller's pipe is held open."""
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(null)
    os.close(log)
