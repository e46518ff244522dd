"""Lays out a simulated phone's folder: its file system, its commands, its settings and its properties."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

COMMANDS = Path(__file__).parent / "commands"
TEMPORARY = "data/local/tmp"
SHELL = "phone-shell"

_APPLETS = (
    "[ base64 basename cat chmod chown cksum cmp comm cp cut date dd df diff dirname du echo env expr false "
    "find free fsync getconf grep head hostname ionice kill ln ls md5sum mkdir mktemp mountpoint "
    "mv nice nl nohup od paste pgrep pidof printenv printf ps pwd readlink realpath renice rev rm rmdir sed "
    "seq setsid sha1sum sha256sum sleep sort split stat strings sync tac tail tee test time timeout top touch "
    "tr true truncate tty uniq uptime usleep wc which xargs xxd yes"
)
APPLETS = tuple(_APPLETS.split())
"""What toybox brings on a phone, of which ours are linked: those of this machine's toybox, else its own programs."""
STARTERS = frozenset({"env", "ionice", "nice", "nohup", "setsid", "time", "timeout", "xargs"})
"""Applets that start others: toybox would start its own of that name, past the commands that stand for the phone's."""
OWN = ("sleep", "chmod")
"""Applets behind a command of ours."""

SETTINGS = {
    "system": {"screen_brightness": "102", "screen_brightness_mode": "1", "screen_off_timeout": "60000"},
    "global": {"stay_on_while_plugged_in": "0", "low_power": "0", "airplane_mode_on": "0",
               "window_animation_scale": "1.0", "transition_animation_scale": "1.0",
               "animator_duration_scale": "1.0", "adb_enabled": "1"},
    "secure": {},
}  # fmt: skip


def lay_out(folder: Path, properties: Mapping[str, str], rooted: bool) -> None:
    """Make `bin`, `state` and `root` below `folder`, which is there and empty."""
    for name in (
        "bin/real",
        "state/props",
        "state/masks",
        "state/meminfo",
        "state/set",
        f"root/{TEMPORARY}",
        "root/sdcard",
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _link_applets(folder / "bin")
    for source in COMMANDS.iterdir():
        if source.is_file() and (rooted or source.name != "su"):
            target = folder / "bin" / source.name
            target.unlink(missing_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755)
    lines = []
    for name, value in properties.items():
        (folder / "state/props" / name).write_text(f"{value}\n", encoding="utf-8")
        lines.append(f"[{name}]: [{value}]\n")
    (folder / "state/getprop.txt").write_text("".join(sorted(lines)), encoding="utf-8")
    for space, values in SETTINGS.items():
        (folder / "state/settings" / space).mkdir(parents=True, exist_ok=True)
        for key, value in values.items():
            (folder / "state/settings" / space / key).write_text(f"{value}\n", encoding="utf-8")


def _link_applets(folder: Path) -> None:
    toybox = shutil.which("toybox")
    known = _toybox_applets(toybox) if toybox else frozenset()
    for name in APPLETS:
        own = shutil.which(name) if name in STARTERS else None
        program = own or (toybox if name in known else shutil.which(name))
        if program is not None:
            place = folder / "real" if name in OWN else folder
            (place / name).symlink_to(program)
    # mksh as on a real phone, where this machine has it
    (folder / "sh").symlink_to(shutil.which("mksh") or shutil.which("sh") or "/bin/sh")


def _toybox_applets(toybox: str) -> frozenset[str]:
    listed = subprocess.run([toybox], capture_output=True, text=True, check=False, timeout=10)
    return frozenset(listed.stdout.split())
