"""The user's tools: what is recognised at `add`, what is kept, which file a device gets."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from elf_files import AARCH64, ANDROID, ARM, EXEC, GLIBC, I386, MIPS, RISCV, X86_64, make_elf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebench.controller.native.elf import ElfFacts, read_elf
from edgebench.controller.native.registry import MANIFEST, Registry, check_name, file_hash
from edgebench.controller.native.tools import find_delegate, find_tool
from edgebench.controller.native.vendors import VENDORS, download, get_vendor
from edgebench.errors import RowFailure, UnknownName, UsageError

FLEX = b"\0TfLiteFlexDelegate\0"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "tools")


def write(folder: Path, data: bytes, name: str = "downloaded") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# the file


@pytest.mark.parametrize(
    ("machine", "abi", "bits"),
    [
        (AARCH64, "arm64-v8a", 64),
        (ARM, "armeabi-v7a", 32),
        (X86_64, "x86_64", 64),
        (I386, "x86", 32),
        (RISCV, "riscv64", 64),
    ],
)
def test_the_processor_is_read(tmp_path: Path, machine: int, abi: str, bits: int) -> None:
    found = read_elf(write(tmp_path, make_elf(machine)))
    assert found == ElfFacts(abi, bits, "program", "android", (), False)


@pytest.mark.parametrize(
    ("data", "kind", "system"),
    [
        (make_elf(interpreter=GLIBC), "program", "linux"),
        (make_elf(interpreter="/apex/com.android.runtime/bin/linker64"), "program", "android"),
        (make_elf(kind=EXEC, interpreter=None), "program", "static"),
        (make_elf(kind=EXEC, interpreter=None, note=b"Android"), "program", "android"),
        (make_elf(interpreter=None, needed=("libc.so", "libm.so")), "library", "static"),
        (make_elf(interpreter=None, needed=("libc.so.6",)), "library", "linux"),
    ],
)
def test_programs_libraries_and_their_systems(tmp_path: Path, data: bytes, kind: str, system: str) -> None:
    found = read_elf(write(tmp_path, data))
    assert (found.kind, found.system) == (kind, system)


def test_needed_libraries_and_flex_are_read(tmp_path: Path) -> None:
    found = read_elf(write(tmp_path, make_elf(needed=("liblog.so", "libQnnHtp.so"), text=FLEX)))
    assert (found.needed, found.has_flex) == (("liblog.so", "libQnnHtp.so"), True)
    # every TFLite binary holds this one, with Flex or without
    assert not read_elf(write(tmp_path, make_elf(text=b"AcquireFlexDelegate"))).has_flex


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not an ELF file"),
        (b"#!/bin/sh\n", "not an ELF file"),
        (b"PK\x03\x04rest", "not an ELF file"),
        (make_elf()[:30], "damaged"),
        (make_elf(MIPS), "EM_MIPS"),
    ],
)
def test_what_is_no_program_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_elf(write(tmp_path, data))
    with pytest.raises(UsageError, match="cannot read"):
        read_elf(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="cannot read"):
        read_elf(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(4, 400), st.binary(min_size=1, max_size=12))
def test_a_mangled_file_is_read_or_refused(tmp_path: Path, at: int, odd: bytes) -> None:
    whole = make_elf(needed=("liblog.so", "libm.so"), note=b"Android")
    path = write(tmp_path, (whole[:at] + odd + whole[at + len(odd) :])[: len(whole)])
    with suppress(UsageError):
        assert isinstance(read_elf(path), ElfFacts)


# the registry


def test_a_tool_is_kept_by_its_hash_and_found_again(tmp_path: Path, registry: Registry) -> None:
    source = write(tmp_path, make_elf(text=FLEX))
    entry = registry.add("benchmark_model", source)
    assert (entry.abi, entry.system, entry.has_flex, entry.source) == ("arm64-v8a", "android", True, "downloaded")
    kept = registry.path(entry)
    assert kept == tmp_path / "tools" / file_hash(source) / "benchmark_model"
    assert kept.read_bytes() == source.read_bytes()
    assert kept.stat().st_mode & 0o111
    assert Registry(tmp_path / "tools").entries() == [entry]


def test_one_of_each_processor_and_the_newer_replaces(tmp_path: Path, registry: Registry) -> None:
    first = registry.add("benchmark_model", write(tmp_path, make_elf()))
    registry.add("benchmark_model", write(tmp_path, make_elf(ARM)))
    newer = registry.add("benchmark_model", write(tmp_path, make_elf(text=b"newer")))
    assert next((one.abi, one.sha256) for one in registry.entries()) == ("arm64-v8a", newer.sha256)
    assert len(registry.entries()) == 2
    assert not registry.path(first).exists()
    assert len(registry.remove("benchmark_model", "armeabi-v7a")) == 1
    assert len(registry.remove("benchmark_model")) == 1
    assert [path.name for path in (tmp_path / "tools").iterdir()] == [MANIFEST]
    with pytest.raises(UnknownName):
        registry.remove("benchmark_model")


def test_a_wrong_processor_is_refused_in_those_words(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(UsageError, match="tool-wrong-abi: downloaded is built for armeabi-v7a") as caught:
        registry.add("benchmark_model", write(tmp_path, make_elf(ARM)), abi="arm64-v8a")
    assert caught.value.code == "tool-wrong-abi"
    with pytest.raises(UnknownName):
        registry.add("benchmark_model", write(tmp_path, make_elf(ARM)), abi="arm64")
    assert registry.entries() == []


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\nb", "-rf", "a..b", "x" * 101, "a b", "ä"])
def test_names_are_plain_file_names(tmp_path: Path, registry: Registry, name: str) -> None:
    for kind in ("tool", "delegate"):
        with pytest.raises(UsageError):
            registry.add(name, write(tmp_path, make_elf()), kind=kind)  # type: ignore[arg-type]
    assert not (tmp_path / "tools").exists()


@given(st.text(max_size=30))
def test_no_accepted_name_leaves_its_folder(name: str) -> None:
    try:
        check_name(name, "delegate")
    except UsageError:
        return
    assert (Path("/t") / name).parent == Path("/t")
    assert name not in (".", "..")


def test_an_unknown_tool_names_the_nearest_and_the_way_for_delegates(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(UnknownName) as caught:
        registry.add("benchmark_modle", write(tmp_path, make_elf()))
    assert "benchmark_model" in (caught.value.hint or "")
    assert "--kind delegate" in (caught.value.hint or "")


def test_a_delegate_brings_the_libraries_beside_it(tmp_path: Path, registry: Registry) -> None:
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    library = write(vendor, make_elf(interpreter=None, needed=("libQnnHtp.so",)), "libQnnTFLiteDelegate.so")
    write(vendor, b"htp", "libQnnHtp.so")
    write(vendor, b"skel", "libQnnHtpV73Skel.so")
    write(vendor, b"text", "README.txt")
    entry = registry.add("libQnnTFLiteDelegate.so", library, kind="delegate", beside=vendor)
    assert [one.name for one in entry.beside] == ["libQnnHtp.so", "libQnnHtpV73Skel.so"]
    assert registry.path(entry, "libQnnHtp.so").read_bytes() == b"htp"
    found = find_delegate({"abis": ["arm64-v8a"]}, "libQnnTFLiteDelegate.so", "phone", registry)
    assert found.host == registry.path(entry)
    assert found.beside[0] == ("libQnnHtp.so", registry.path(entry, "libQnnHtp.so"))
    with pytest.raises(RowFailure, match="has no libQnn"):
        find_tool({"abis": ["arm64-v8a"]}, "libQnnTFLiteDelegate.so", "phone", registry)


def test_what_is_given_as_another_kind_is_refused(tmp_path: Path, registry: Registry) -> None:
    library = write(tmp_path, make_elf(interpreter=None, needed=("libc.so",)), "thing.so")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="is a library"):
        registry.add("benchmark_model", library)
    with pytest.raises(UsageError, match="is a program"):
        registry.add("thing.so", write(tmp_path, make_elf()), kind="delegate")
    with pytest.raises(UsageError, match="no library"):
        registry.add("thing.so", library, kind="delegate", beside=empty)
    with pytest.raises(UsageError, match="cannot read the folder"):
        registry.add("thing.so", library, kind="delegate", beside=tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"entries": [{"name": 3}]}', '{"entries": 7}'])
def test_a_manifest_that_cannot_be_understood_is_told_not_overwritten(
    tmp_path: Path, registry: Registry, text: str
) -> None:
    registry.folder.mkdir()
    (registry.folder / MANIFEST).write_text(text)
    with pytest.raises(UsageError, match="cannot be understood"):
        registry.add("benchmark_model", write(tmp_path, make_elf()))
    assert (registry.folder / MANIFEST).read_text() == text


def test_the_manifest_is_replaced_as_a_whole(tmp_path: Path, registry: Registry) -> None:
    registry.add("benchmark_model", write(tmp_path, make_elf()))
    document = json.loads((registry.folder / MANIFEST).read_text())
    assert [one["name"] for one in document["entries"]] == ["benchmark_model"]
    assert not list(registry.folder.glob(".tools-*"))


# which file a device gets

PHONE = {"abis": ["arm64-v8a", "armeabi-v7a", "armeabi"], "tools": []}
THERE = {"tools": [{"name": "benchmark_model", "path": "/data/local/tmp/benchmark_model", "sha256": "ab" * 32}]}


def test_a_device_gets_the_file_of_its_preferred_processor(tmp_path: Path, registry: Registry) -> None:
    narrow = registry.add("benchmark_model", write(tmp_path, make_elf(ARM)))
    assert find_tool(PHONE, "benchmark_model", "phone", registry).sha256 == narrow.sha256
    wide = registry.add("benchmark_model", write(tmp_path, make_elf(text=FLEX)))
    found = find_tool(PHONE | THERE, "benchmark_model", "phone", registry)
    assert (found.sha256, found.host, found.path, found.has_flex) == (wide.sha256, registry.path(wide), "", True)


def test_a_tool_lying_there_is_used_where_the_user_has_none(tmp_path: Path, registry: Registry) -> None:
    registry.add("benchmark_model", write(tmp_path, make_elf(X86_64)))
    found = find_tool(PHONE | THERE, "benchmark_model", "phone", registry)
    assert (found.path, found.host, found.has_flex) == ("/data/local/tmp/benchmark_model", None, None)


def test_what_was_pushed_once_and_removed_since_is_not_used(registry: Registry) -> None:
    path = f"/data/local/tmp/edgebench/tools/{'ab' * 32}/benchmark_model"
    left = {"tools": [{"name": "benchmark_model", "path": path, "sha256": "ab" * 32}]}
    with pytest.raises(RowFailure, match="has no benchmark_model"):
        find_tool(PHONE | left, "benchmark_model", "phone", registry)


def test_no_tool_and_one_of_another_processor_are_different_failures(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(RowFailure) as missing:
        find_tool(PHONE, "benchmark_model", "phone", registry)
    assert missing.value.code == "tool-missing"
    assert "edgebench tools get benchmark_model" in (missing.value.hint or "")
    registry.add("benchmark_model", write(tmp_path, make_elf(X86_64)))
    with pytest.raises(RowFailure, match="your benchmark_model is for x86_64") as wrong:
        find_tool(PHONE, "benchmark_model", "phone", registry)
    assert wrong.value.code == "tool-wrong-abi"
    with pytest.raises(RowFailure, match="does not tell"):
        find_tool({}, "benchmark_model", "phone", registry)


# where they come from


def test_every_vendor_has_a_licence_a_page_and_a_way() -> None:
    for name, vendor in VENDORS.items():
        assert (vendor.name, bool(vendor.licence), vendor.page[:8]) == (name, True, "https://")
        assert vendor.build or vendor.addresses
        assert all(address.startswith("https://") for address in vendor.addresses.values())
    with pytest.raises(UnknownName):
        get_vendor("benchmark_modle")


class Answers(http.server.BaseHTTPRequestHandler):
    """A file, one that breaks off, or nothing."""

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", "100" if self.path == "/short" else "4")
        self.end_headers()
        self.wfile.write(b"tool")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_download_is_whole_or_an_error(tmp_path: Path) -> None:
    with served() as address:
        download(f"{address}/tool", tmp_path / "tool")
        assert (tmp_path / "tool").read_bytes() == b"tool"
        for path, said in (("/missing", "404|Not Found"), ("/short", "broke off|cannot fetch")):
            with pytest.raises(UsageError, match=said):
                download(address + path, tmp_path / "tool")
    with pytest.raises(UsageError, match="not an https address"):
        download("http://example.invalid/tool", tmp_path / "tool")
    with pytest.raises(UsageError, match="cannot fetch"):
        download(f"{address}/tool", tmp_path / "tool")


def test_the_interpreter_of_this_machine_is_a_linux_program() -> None:
    found = read_elf(Path("/proc/self/exe").resolve())
    assert (found.kind, found.system) == ("program", "linux")
    assert ANDROID not in found.needed
