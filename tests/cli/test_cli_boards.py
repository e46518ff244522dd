"""`devices setup --sudoers` and `devices calibrate` as a user types them."""

from __future__ import annotations

import pytest
from cli_program import Program

NVPMODEL = "#!/bin/sh\n[ \"$1\" = -q ] && printf 'NV Power Mode: MAXN\\n0\\n' || echo 'POWER_MODEL: ID=0 NAME=MAXN'\n"


@pytest.fixture
def program(tmp_path):
    """A user with one board, which is a tree of files."""
    tool = tmp_path / "root/usr/sbin/nvpmodel"
    tool.parent.mkdir(parents=True)
    tool.write_text(NVPMODEL)
    tool.chmod(0o755)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/devices.toml").write_text(
        f'[board]\ntransport = "local"\nroot = "{tmp_path}/root"\nhome = "{tmp_path}/home"\nprofile = "jetson-nano"\n'
        f'[bare]\ntransport = "local"\nroot = "{tmp_path}/nothing"\nhome = "{tmp_path}/home"\n'
    )
    return Program(tmp_path)


def test_the_drop_in_is_printed_and_nothing_changes(program, tmp_path):
    said = program("devices", "setup", "board", "--sudoers")
    assert said.code == 0
    assert "NOPASSWD: " in said.out
    assert f"{tmp_path}/root/usr/sbin/nvpmodel -m 0" in said.out
    assert "nothing was changed on board" in said.err
    assert "nothing that edgebench does there takes root" in program("devices", "setup", "bare", "--sudoers").err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["devices", "setup", "board", "--install"], 2, "--install is for --sudoers"),
        (["devices", "setup", "board", "--sudoers", "--install"], 2, "simulated"),
        (["devices", "calibrate", "nobody"], 2, "nobody"),
        (["devices", "calibrate", "board", "--accelerator", "warp"], 2, "no accelerator"),
    ],
)
def test_what_cannot_be_done_says_why(program, arguments, code, said):
    found = program(*arguments)
    assert (found.code, found.out) == (code, "")
    assert said in found.err
