"""Power modes of Jetson boards (nvpmodel): asked live, set as root, looked at afterwards.

Ids differ by release and firmware, so a mode is its name and its id. nvpmodel's exit status tells little, its lines are
mixed with `NVPM WARN`, `VERB` and `ERROR`, and a mode with other CPU or GPU masks asks whether to reboot now
(devices.md 1.5); without an answer it then changes nothing.
"""

import re

from . import programs
from .setting import NotSet

CURRENT = re.compile(r"NV Power Mode\s*:\s*(\S[^\r\n]*?)\s*$", re.M)
ID_LINE = re.compile(r"^[ \t]*(\d{1,4})[ \t]*\r?$", re.M)
LISTED = re.compile(r"POWER_MODEL:\s*ID=(\d{1,4})\s+NAME=(\S+)")
NAME = "power mode"
PROMPT = re.compile(r"reboot required|reboot now\?|enter yes/yes", re.I)


def parse_current(text):
    """Return {"id", "name"} of what `nvpmodel -q` printed, None where it tells no mode."""
    named = CURRENT.search(text)
    numbered = ID_LINE.search(text, named.end()) if named else None
    return {"id": int(numbered.group(1)), "name": named.group(1)} if numbered else None


def parse_modes(text):
    """Return [{"id", "name"}] of what `nvpmodel -p --verbose` printed, by id."""
    found = {int(number): name for number, name in LISTED.findall(text)}
    return [{"id": number, "name": found[number]} for number in sorted(found)]


def asks_for_reboot(text):
    """Tell whether nvpmodel said that the mode takes a reboot."""
    return PROMPT.search(text) is not None


def choose(modes, wanted):
    """Return the mode of a name (in any case) or, where none is called so, of an id. Raises NotSet with the list."""
    text = str(wanted).strip()
    for mode in modes:
        if mode["name"].lower() == text.lower():
            return mode
    for mode in modes:
        if str(mode["id"]) == text:
            return mode
    known = ", ".join("%s (%d)" % (mode["name"], mode["id"]) for mode in modes)
    raise NotSet("pin-failed", "there is no such mode; this board has %s" % (known or "none that nvpmodel lists"))


def current(root):
    """Return the mode that is set, {"id", "name"}; None where there is no nvpmodel or it tells none."""
    return _asked(root, ["-q"], parse_current)


def modes(root):
    """Return the board's modes, [] where there is no nvpmodel or it lists none."""
    return _asked(root, ["-p", "--verbose"], parse_modes) or []


def _asked(root, arguments, parse):
    program = programs.find(root, "nvpmodel")
    if program is None:
        return None
    try:
        found = parse(programs.run([program] + arguments).text)
        return found or parse(programs.run_as_root(root, [program] + arguments).text)
    except (OSError, programs.NeedsRoot):
        return None


def titled(mode):
    """Return a mode as people read it: "MAXN (0)"."""
    return "%s (%d)" % (mode["name"], mode["id"])


def change(scene, wanted, allow_reboot=False, rebooting=lambda mode: None):
    """Set a mode and return it ({"id", "name"}); nothing is done where it is set already.

    `rebooting(mode)` is called just before the answer to the prompt takes the device down: it may be the last that is
    heard of it. Raises NotSet: needs-reboot where that is asked and not allowed.
    """
    program = programs.find(scene.root, "nvpmodel")
    if program is None:
        raise NotSet("pin-failed", "there is no nvpmodel on this device")
    before = current(scene.root)
    if before is None:
        raise NotSet("pin-failed", "nvpmodel does not tell the present mode, so it could not be put back")
    mode = choose(modes(scene.root), wanted)
    if mode["id"] == before["id"]:
        return mode
    text = _set(scene, program, before, mode)
    if text is None:
        return mode
    if not asks_for_reboot(text):
        raise NotSet("pin-failed", _why(text))
    if not allow_reboot:
        raise NotSet(
            "needs-reboot", "the mode %s takes a reboot of the device, which --allow-reboot allows" % titled(mode)
        )
    rebooting(mode)
    _set(scene, program, before, mode, answer="YES\n")
    return mode


def _set(scene, program, before, mode, answer=None):
    """Set a mode by the journal; return None where it is set now, else what nvpmodel said. Raises NotSet.

    A mode set before in the same session is not what is put back: the entry keeps what the first one found.
    """
    earlier = [entry for entry in scene.journal.entries() if entry["path"] == NAME]
    first = earlier[0] if earlier else _way_back(program, before)
    entry, said = scene.perform(
        NAME,
        first["old"],
        mode["name"],
        do=[program, "-m", str(mode["id"])],
        undo=first["undo"],
        answer=answer,
        reboot=answer is not None or any(entry.get("reboot") for entry in earlier),
        holds=first["holds"],
    )
    after = current(scene.root)
    is_set = after is not None and after["id"] == mode["id"]
    nothing_done = not is_set and after == before and answer is None
    for other in [entry] if nothing_done else earlier:
        scene.journal.forget(other)
    return None if is_set else said.text.strip() or "nvpmodel said nothing and set nothing"


def _way_back(program, mode):
    return {
        "old": mode["name"],
        "undo": [program, "-m", str(mode["id"])],
        "holds": {"argv": [program, "-q"], "pattern": r"(?m)^[ \t]*%d[ \t]*\r?$" % mode["id"]},
    }


def _why(text):
    """Return the line of nvpmodel that says what went wrong, else its last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "NVPM ERROR" in line), lines[-1])
