"""The pages keep their word: links lead somewhere, commands exist, options exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "models" / "README.md"])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
COMMAND = re.compile(r"^ {4}(?:\$ )?edgebench ([a-z-]+)(?: ([a-z-]+))?", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_the_readmes_commands_exist() -> None:
    shown = set(COMMAND.findall((ROOT / "README.md").read_text()))
    assert ("run", "") in {(verb, "") for verb, _ in shown}
    for verb, sub in sorted(shown):
        words = [verb, sub] if verb in ("devices", "power", "store", "mock") and sub else [verb]
        argv = [sys.executable, "-m", "edgebench", *words, "--help"]
        done = subprocess.run(argv, capture_output=True, text=True)
        assert done.returncode == 0, words


def test_the_readmes_make_targets_exist() -> None:
    targets = set(re.findall(r"^ {4}make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= targets
    for target in targets:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
