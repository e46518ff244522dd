"""The agent's verbs: each prints framed events of the nonce it was given, the last of them `end`."""

import argparse
import os
import signal
import sys

from . import clock as agent_clock
from . import files, protocol
from .jobs import BadJob, Job, all_jobs
from .journal import DO, TELL, Journal
from .lease import Lease, Locked, described

FULL_WAIT_S = 60.0
FORCE_WAIT_S = 20.0


class Refused(Exception):
    """A verb that will not do it: `code` of the closed list, and the message."""

    def __init__(self, code, message):
        Exception.__init__(self, message)
        self.code = code


class Speaker(object):
    """Prints a verb's events as frames on standard output."""

    def __init__(self, nonce):
        self._frames = protocol.FrameWriter(lambda data: files.write_all(1, data), nonce)

    def emit(self, ev, **fields):
        """Print one event, stamped now."""
        self._frames.emit(dict(fields, ev=ev, t=agent_clock.monotonic_ns()))


def verb_facts(options, say):
    """`facts --home H --root R [--runtimes DIR]...`: the machine, as observed."""
    from . import facts

    say.emit("facts", facts=facts.collect(options.root, options.home, options.runtimes or []))


def verb_sensors(options, say):
    """`sensors --root R --power NAME [--probes JSON]`: every telemetry source, there or not, as `source` events."""
    from .probes import registry

    probes = options.probes or {}
    for probe in registry.find_power(options.root, options.power, probes) + registry.find_slow(options.root, probes):
        if probe.stream is not None:
            probe.stream.close()
        say.emit("source", **probe.source)


def verb_status(options, say):
    """`status --home H`: jobs, the lease, the journal."""
    lease = Lease(options.home, agent_clock.Clock()).look()
    for job in all_jobs(options.home):
        say.emit("job", **job.described(lease))
    say.emit("lease", **lease)
    say.emit("journal", entries=Journal(options.home).entries())


def verb_start(options, say):
    """`start JOBDIR`: the job's supervisor in the background."""
    from .detach import start

    job = Job(options.path).checked()
    answer = start(job, options.command or own_argv(), agent_clock.Clock())
    if answer["ev"] == "failed":
        raise Refused(answer["code"], answer["message"])
    say.emit(answer.pop("ev"), job=job.id, **{key: value for key, value in answer.items() if key != "job"})


def verb_stop(options, say):
    """`stop JOBDIR [--seconds S]`: the job ends as interrupted; returns when its supervisor is gone."""
    from .follow import stop

    job = Job(options.path)
    seconds = options.seconds or FULL_WAIT_S
    lease = Lease(job.home, agent_clock.Clock())
    how = stop(job, seconds)
    if how == "absent" and job.state(lease.look()) == "running":
        os.kill(lease.look()["pid"], signal.SIGTERM)
        how = "stopped" if lease.wait(seconds) else "silent"
    if how == "silent":
        raise Refused("timeout", "the supervisor of %s does not answer" % job.id)
    say.emit("job", **job.described(lease.look()))


def verb_restore(options, say):
    """`restore --home H [--force] [--allow-reboot]`: what the journal says is put back.

    A live job is in the way, unless forced; what takes a reboot is told, or done at last: the board then goes down.
    """
    clock = agent_clock.Clock()
    lease = Lease(options.home, clock)
    try:
        lease.hold()
    except Locked as locked:
        held = described(locked.lease, clock.monotonic_ns())
        if not options.force:
            say.emit("locked", **held)
            raise Refused("device-locked", "the device is held by %s" % held["holder"])
        _end_holder(options.home, held, say)
        if not lease.wait(FORCE_WAIT_S):
            raise Refused("device-locked", "the holder's supervisor could not be ended")
        lease.hold()
    restored, stuck = Journal(options.home).restore(DO if options.allow_reboot else TELL)
    lease.release()
    failed = [dict(entry, why=why) for entry, why in stuck]
    say.emit("restored", entries=restored, failed=failed)


def _end_holder(home, held, say):
    """End a live supervisor: asked first, killed when it does not answer."""
    from .follow import stop

    job = held.get("job")
    asked = job and stop(Job(os.path.join(home, "jobs", job)), FORCE_WAIT_S) == "stopped"
    if not asked and held.get("pid"):
        os.kill(held["pid"], signal.SIGKILL)
    say.emit("stopped", job=job, how="asked" if asked else "killed")


def verb_await_lease(options, say):
    """`await-lease --home H --seconds S`: sleeps until the lease is free, at most so long; then `lease`."""
    lease = Lease(options.home, agent_clock.Clock())
    lease.wait(options.seconds or 0)
    say.emit("lease", **lease.look())


def verb_discard(options, say):
    """`discard JOBDIR`: the folder of a collected job goes."""
    job = Job(options.path)
    job.discard(Lease(job.home, agent_clock.Clock()).look())
    say.emit("discarded", job=job.id)


def verb_burn(options, say):
    """`burn --seconds S`: one core busy for so long, `burn` events at its edges."""
    say.emit("burn", edge="begin")
    until_ns = agent_clock.monotonic_ns() + int((options.seconds or 0) * 1e9)
    while agent_clock.monotonic_ns() < until_ns:
        sum(range(1000))
    say.emit("burn", edge="end")


def verb_import(options, say):
    """`import --module M [--runtimes DIR]`: whether a module can be imported here, tried in a process of its own."""
    from .install import NotImportable, try_import

    try:
        say.emit("imported", **try_import(options.module, (options.runtimes or [None])[0]))
    except NotImportable as why:
        raise Refused("runtime-missing", "%s cannot be imported: %s" % (options.module, why))


def verb_install(options, say):
    """`install NAME --home H --module M`: a runtime from pushed wheels; not while a job measures."""
    from .install import NotImportable, install

    lease = Lease(options.home, agent_clock.Clock())
    try:
        lease.hold()
    except Locked as locked:
        raise Refused("device-locked", "the device is held by %s" % locked.lease.get("holder", "another session"))
    try:
        say.emit("imported", **install(options.home, options.path, options.module))
    except NotImportable as why:
        raise Refused("runtime-missing", "%s is not installed: %s" % (options.path, why))
    except ValueError as error:
        raise Refused("internal", str(error))
    finally:
        lease.release()


def verb_set_mode(options, say):
    """`set-mode MODE --home H --root R [--allow-reboot]`: the board's power mode, as `mode`; see boardverbs."""
    from . import boardverbs
    from .setting import NotSet

    try:
        boardverbs.set_mode(options, say)
    except NotSet as why:
        raise Refused(why.code, str(why))


def verb_modes(options, say):
    """`modes --root R`: the board's power modes, as `modes`."""
    from . import boardverbs

    boardverbs.list_modes(options, say)


def verb_privileges(options, say):
    """`privileges --root R [--user U]`: what takes root here, and the sudoers drop-in that allows it."""
    from . import boardverbs

    try:
        boardverbs.privileges_needed(options, say)
    except ValueError as error:
        raise Refused("internal", str(error))


VERBS = {
    "facts": verb_facts,
    "sensors": verb_sensors,
    "status": verb_status,
    "start": verb_start,
    "stop": verb_stop,
    "restore": verb_restore,
    "await-lease": verb_await_lease,
    "discard": verb_discard,
    "burn": verb_burn,
    "import": verb_import,
    "install": verb_install,
    "set-mode": verb_set_mode,
    "modes": verb_modes,
    "privileges": verb_privileges,
}
PATH_VERBS = ("start", "stop", "discard", "install", "set-mode")
INTERNAL_VERBS = ("follow", "child", "sample")


def own_argv():
    """Return the command that runs this agent again, to which a verb is added."""
    script = os.path.abspath(sys.argv[0])
    if script.endswith(".zip"):
        return [sys.executable, script]
    return [sys.executable, "-m", __package__ + ".main"]


def parse(arguments):
    """Return the options of a command line; exits with 2 on a wrong one."""
    parser = argparse.ArgumentParser(prog="agent")
    parser.add_argument("verb", choices=sorted(VERBS) + list(INTERNAL_VERBS))
    parser.add_argument("path", nargs="?", help="a job's folder; step or config file of the internal verbs")
    parser.add_argument("--nonce", default="0" * 16)
    parser.add_argument("--home")
    parser.add_argument("--root", default="/")
    parser.add_argument("--power", default="auto")
    parser.add_argument("--runtimes", action="append")
    parser.add_argument("--module", help="what to import")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--from", dest="offset", type=int, default=0)
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--allow-reboot", action="store_true", help="the board may be restarted for its power mode")
    parser.add_argument("--user", help="whom a sudoers drop-in is for")
    parser.add_argument("--probes", type=_decoded, help="JSON object: the profile's rails, zones, cooling devices")
    parser.add_argument("--command", type=_decoded, help="JSON list: what to start in place of this agent (tests)")
    options = parser.parse_args(arguments)
    if options.path is None and options.verb in PATH_VERBS + INTERNAL_VERBS:
        parser.error("%s needs a path" % options.verb)
    if options.home is None and options.verb in ("facts", "status", "restore", "await-lease", "install", "set-mode"):
        parser.error("%s needs --home" % options.verb)
    return options


def _decoded(text):
    import json

    return json.loads(text)


def run_verb(options):
    """Run a verb that speaks for itself; return the exit status: 0, or 1 with the failure in `end`."""
    say = Speaker(options.nonce)
    code, message = None, None
    try:
        VERBS[options.verb](options, say)
    except Refused as refused:
        code, message = refused.code, str(refused)
    except BadJob as bad:
        code, message = "internal", str(bad)
    except Locked as locked:
        code, message = "device-locked", str(locked)
    except OSError as error:
        code, message = files.code_of(error), str(error)
    say.emit("end", code=code, message=message)
    return 0 if code is None else 1


def follow_job(options):
    """`follow JOBDIR --from N`: the job's own frames as they come; 0 with its `end`, 3 without."""
    from .follow import follow, write_stdout

    try:
        return 0 if follow(Job(options.path), options.offset, write_stdout) else 3
    except BrokenPipeError:
        return 3


def main(arguments=None):
    """Run the command line and exit."""
    options = parse(arguments)
    if options.verb == "follow":
        status = follow_job(options)
    elif options.verb == "child":
        from . import child

        status = child.main(options.path)
    elif options.verb == "sample":
        from . import sampler

        status = sampler.main(options.path)
    else:
        status = run_verb(options)
    sys.exit(status)


if __name__ == "__main__":
    main()
