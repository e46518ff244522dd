"""`edgebench tools ...`."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_program import Program
from elf_files import ARM, GLIBC, make_elf


@dataclass(frozen=True)
class WithTools(Program):
    """The program with a folder of its own for tools."""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "EDGEBENCH_TOOLS": str(self.folder / "tools")}


@pytest.fixture
def program(tmp_path: Path) -> WithTools:
    (tmp_path / "benchmark").write_bytes(make_elf())
    return WithTools(tmp_path)


def test_no_tools_says_where_one_comes_from(program):
    said = program("tools", "list")
    assert (said.code, said.out) == (
        0, "no tools yet: `edgebench tools get benchmark_model` says where one comes from\n",
    )  # fmt: skip


def test_a_tool_is_added_listed_and_removed(program):
    said = program("tools", "add", "benchmark_model", "benchmark")
    assert said.code == 0
    assert "benchmark_model for arm64-v8a is kept" in said.out
    assert "built without the Flex ops" in said.out
    (listed,) = program("tools", "list", "--json", "-").document["tools"]
    assert (listed["name"], listed["abi"], listed["system"], listed["has_flex"]) == (
        "benchmark_model", "arm64-v8a", "android", False,
    )  # fmt: skip
    assert "benchmark_model  arm64-v8a  tool" in program("tools", "list").out
    assert program("tools", "remove", "benchmark_model").out == "removed benchmark_model for arm64-v8a\n"
    gone = program("tools", "remove", "benchmark_model")
    assert gone.code == 2
    assert "tools add NAME PATH" in gone.err


def test_a_tool_of_linux_is_told_that_it_does_not_start_on_android(program):
    (program.folder / "glibc").write_bytes(make_elf(interpreter=GLIBC))
    assert "does not start on Android" in program("tools", "add", "benchmark_model", "glibc").out


def test_a_wrong_processor_and_a_script_are_refused(program):
    (program.folder / "arm").write_bytes(make_elf(ARM))
    said = program("tools", "add", "benchmark_model", "arm", "--abi", "arm64-v8a")
    assert said.code == 2
    assert "tool-wrong-abi: arm is built for armeabi-v7a (32 bit), not for arm64-v8a" in said.err
    (program.folder / "script").write_text("#!/bin/sh\n")
    assert "not an ELF file" in program("tools", "add", "benchmark_model", "script").err


def test_a_delegate_tells_what_is_not_beside_it(program):
    vendor = program.folder / "vendor"
    vendor.mkdir()
    library = make_elf(interpreter=None, needed=("libQnnHtp.so", "liblog.so"))
    (vendor / "libQnnTFLiteDelegate.so").write_bytes(library)
    (vendor / "libQnnHtp.so").write_bytes(b"x")
    said = program("tools", "add", "vendor/libQnnTFLiteDelegate.so", "--kind", "delegate", "--with", "vendor")
    assert said.code == 0, said.err
    assert "it asks for libQnnHtp.so, liblog.so; not beside it: liblog.so" in said.out
    assert program("tools", "list", "--json", "-").document["tools"][0]["name"] == "libQnnTFLiteDelegate.so"


def test_get_from_a_file_needs_no_network_and_shows_the_vendors_page(program):
    said = program("tools", "get", "benchmark_model", "--from", "benchmark", "--json", "-")
    assert said.code == 0
    assert "android_aarch64_benchmark_model" in said.err
    assert "licence Apache-2.0" in said.err
    assert said.document["abi"] == "arm64-v8a"
    other = program("tools", "get", "benchmark_model", "--from", "benchmark", "--abi", "armeabi-v7a")
    assert "tool-wrong-abi" in other.err


def test_get_without_a_terminal_says_what_to_type_and_fetches_nothing(program):
    said = program("tools", "get", "benchmark_model")
    assert said.code == 2
    assert "edgebench tools get benchmark_model --abi arm64-v8a --from FILE" in said.err
    built = program("tools", "get", "benchncnn")
    assert "NCNN_BUILD_BENCHMARK" in built.err
    assert not (program.folder / "tools").exists()


def test_at_a_terminal_no_means_no(program):
    leader, follower = pty.openpty()
    os.write(leader, b"n\n")
    done = subprocess.run(
        [sys.executable, "-m", "edgebench", "tools", "get", "benchmark_model"],
        env=program.environment, cwd=program.folder, stdin=follower, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    os.close(leader)
    os.close(follower)
    assert done.returncode == 2
    assert "fetch https://" in done.stderr
    assert "nothing was fetched" in done.stderr
    assert not (program.folder / "tools").exists()


def test_an_unknown_tool_names_the_nearest(program):
    said = program("tools", "get", "benchmark_modle")
    assert (said.code, "did you mean `benchmark_model`?" in said.err) == (2, True)
