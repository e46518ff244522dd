"""The words between host and device: framed events, packed integers, the job's shape.

The only module of the agent that the host imports. Python 3.6, standard library only.

A **frame** is one line: ``EB1 <nonce> <seq> <crc32 hex> <json>``. Whatever else stands in the stream (runtimes print)
is not a frame and is skipped; a frame whose checksum or order is wrong is counted as damaged, never guessed at.
The last event of a job is ``end``: a stream without it is unfinished, whatever the exit code said.
The POSIX-sh agent cannot reckon a CRC: its frames have ``-`` in that place, and its ``end`` carries ``sha256``, the
hash of all its frame lines before. Where that does not hold, the whole stream counts as damaged.

A **job** (``job.json`` in the job's folder on the device)::

    {"protocol": 1, "job": ID, "nonce": HEX, "holder": TEXT, "lease_s": S, "root": "/",
     "host": {...}                       opaque: what any controller needs to assemble the report later
     "variants": [{"backend", "model": PATH, "accelerator", "threads": N|null, "batch", "frames_per_inference",
                   "shapes": {NAME: [..]}, "states": {OUTPUT: INPUT}, "options": {K: V},
                   "input": {"seed", "range": [lo, hi]|null, "files": [PATH..], "cycled"},
                   "runtime_path": PATH|null, "env": {K: V}, "engine": {...}}],
     "steps": [{"pass", "variant": I, "round": R, "order": O, ...}],
     "limits": {"max_time_s": S|null, "load_s": S},
     "telemetry": {"power": NAME|"auto"|null, "power_hz": F, "slow_hz": F, "seed", "probes": {...}},
     "prepare": {K: V},
     "gate": {"start_max_c": C or {ZONE: C}, "slope_c_per_min", "limit_s", "ignore_zones": [..]}|null}

Steps by pass: ``invocation`` has min_time_s, min_iterations; ``soak`` seconds, idle_s; ``paced`` seconds, fps, idle_s;
``memory`` iterations; ``build`` limit_s; ``fidelity`` nothing more. Paths are relative to the agent's home there.

A variant of TensorRT has ``engine``: {"way": "python"|"trtexec", "artifact": SHA256, "prebuilt": BOOL,
"flags": {"fp16": BOOL, "int8": BOOL, "tf32": BOOL, "workspace_mib": N|null, "dla": N|null, ...},
"profile": {INPUT: {"min": [..], "opt": [..], "max": [..]}}, "calibration": {"files": [PATH..], "sha256"}|null,
"inputs": [{name, dtype, shape}], what the file declares, for trtexec}; its job begins with a ``build`` step, a process
like the others, which is not waited for by ready and go.

**Events** carry ``ev`` and ``t`` (device monotonic ns); the supervisor adds ``step`` (index) to those of a child:

    hello      protocol, agent, python, clock {monotonic_ns, realtime_ns, resolution_ns}
    facts      facts {...}               the machine, as observed
    prepared   set, pins {...}           after preparing; again (when="after", lost) when restored
    plan       eta_s, steps, reduced     after the first inference of the first step: what will be run
    step       pass, variant, round, order, phase "start"
    phase      name                      load, first, measure, idle-before, soak, idle-after, paced, memory, fidelity
    loaded     load_ns, import_ns, build_ns, version, effective {accelerator, threads, providers}, io {...}
    first      ns
    ready      items_per_iteration, files, inputs, outputs (shapes as they are), loads_later (a program loads the model
               after its go; load_ns is what that took before); then the child waits for its orders
    anchor     at_ns, uncertainty_ns, resolution_ns, whole    where a program's own times begin on this clock
    samples    n, start_ns, duration_ns  packed; ``file`` packed indexes with a folder of inputs, ``released_ns`` paced,
                                         ``compute_ns`` the accelerator's own time where it is known apart
    engine     key, cached, build_ns, bytes, way, runtime, gpu {name, sm}, flags      the outcome of a build step
    progress   done (share or null), text                                             of a build
    layers     source, layers [{name, type, precision, ms, ops}], reformat {count, share}, copy {count, share}
    block      n, items, median_ns, t0, t1, minor_faults, major_faults, involuntary        progress
    paced      fps, slots, missed, n
    summary    n, mean, min, max, sd     from tools that give no samples
    memory     stage, kib {VmHWM, ...}, definitions    baseline, imported, loaded, first, peak, system {before, min}
    usage      phase, n, wall_ns, cpu_ns, minor_faults, major_faults, voluntary, involuntary
    outputs    path, sha256, bytes, inputs, outputs    fidelity: an .npz with in0.., out0.. in the job's folder
    placement  nodes {PROVIDER: N}, names, source
    source     name, kind, scope, unit, columns, window_s, resolution_w, rate_hz, wrap, total, total_why, state, why
    reading    source, columns, rows, packed           one packed text a column, "t" first
    sampler    cpu_ns, wall_ns, reads, read_ns         what the sampler itself cost so far
    warning    code, text
    error      code, message, stage
    tool       at, begin, end, code, offset, bytes     sh agent: a process, and where its text stands (outputs.txt)
    watch      at, kind, offset, bytes                 sh agent: what was looked at while it ran (dumpsys meminfo)
    waiting    for "unplugged"|"temperature"|"boot", text     the job waits; temperature: zone, celsius, target_c,
                                         slope (degC a minute), eta_s
    gate       state "passed"|"timeout"|"skipped"|"no-sensor", zone, celsius, target_c, slope, waited_s
    done       outcome "ok"|"failed"|"skipped", code, message, signal       one a step
    end        steps_done, code|null, restored
"""

import array
import base64
import hashlib
import json
import sys
import zlib

PROTOCOL = 1
MAGIC = "EB1"
PASSES = ("build", "fidelity", "invocation", "soak", "paced", "memory")


def frame(nonce, seq, event):
    """Return one event as a frame line (bytes with its newline)."""
    body = json.dumps(event, separators=(",", ":"), sort_keys=True)
    crc = zlib.crc32(("%s %d %s" % (nonce, seq, body)).encode("utf-8")) & 0xFFFFFFFF
    return ("%s %s %d %08x %s\n" % (MAGIC, nonce, seq, crc, body)).encode("utf-8")


class FrameWriter(object):
    """Writes events as frames to `write(bytes)`, numbering them from `seq`."""

    def __init__(self, write, nonce, seq=0):
        self._write = write
        self.nonce = nonce
        self.seq = seq

    def emit(self, event):
        """Write one event."""
        self._write(frame(self.nonce, self.seq, event))
        self.seq += 1


class FrameReader(object):
    """Takes bytes as they come and gives back whole events of one nonce.

    ``offset`` counts the bytes of frames taken so far (where to go on reading the device's file),
    ``noise`` counts lines that are no frames of ours, ``damaged`` frames with a wrong checksum or a gap before them,
    ``ended`` is true once the ``end`` event has come; an ``end`` whose ``sha256`` does not hold counts as damage.
    """

    def __init__(self, nonce):
        self.nonce = nonce
        self.offset = 0
        self.noise = 0
        self.damaged = 0
        self.ended = False
        self.next_seq = 0
        self._rest = b""
        self._sum = hashlib.sha256()

    def restart(self):
        """Forget a half line: the stream is about to be read again from `offset`."""
        self._rest = b""

    def feed(self, data):
        """Take bytes, return the list of events completed by them."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        events = []
        for line in lines:
            event = self._event(line)
            if event is not None:
                events.append(event)
                self.ended = self.ended or event.get("ev") == "end"
        return events

    def _event(self, line):
        prefix = ("%s %s " % (MAGIC, self.nonce)).encode("utf-8")
        at = line.find(prefix)
        if at < 0:
            self.noise += 1 if line.strip() else 0
            return None
        self.offset += len(line) - at + 1
        before = self._sum.hexdigest()
        self._sum.update(line[at:] + b"\n")
        try:
            seq_text, crc_text, body = line[at + len(prefix) :].decode("utf-8").split(" ", 2)
            seq = int(seq_text)
            event = json.loads(body) if crc_text == "-" or self._checks(seq, int(crc_text, 16), body) else None
        except (ValueError, UnicodeDecodeError, RecursionError):
            event = None
        if not isinstance(event, dict):
            self.damaged += 1
            return None
        if event.get("ev") == "end" and (crc_text == "-" or "sha256" in event) and event.get("sha256") != before:
            self.damaged += 1
        if seq != self.next_seq:
            self.damaged += 1
        self.next_seq = seq + 1
        return event

    def _checks(self, seq, crc, body):
        return zlib.crc32(("%s %d %s" % (self.nonce, seq, body)).encode("utf-8")) & 0xFFFFFFFF == crc


def pack_ints(values):
    """Pack integers (an iterable, each within 64 bits) as base64 of deflated little-endian differences."""
    deltas = array.array("q")
    before = 0
    for value in values:
        deltas.append(value - before)
        before = value
    if sys.byteorder == "big":
        deltas.byteswap()
    return base64.b64encode(zlib.compress(deltas.tobytes(), 1)).decode("ascii")


def unpack_ints(text):
    """Undo `pack_ints`; a plain JSON list passes through. Raises ValueError for anything else."""
    if isinstance(text, list):
        return [int(value) for value in text]
    deltas = array.array("q")
    try:
        deltas.frombytes(zlib.decompress(base64.b64decode(text, validate=True)))
    except (TypeError, zlib.error) as error:
        raise ValueError("not packed integers: %s" % error)
    if sys.byteorder == "big":
        deltas.byteswap()
    values, total = [], 0
    for delta in deltas:
        total += delta
        values.append(total)
    return values
