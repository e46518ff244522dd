"""Where tools come from: the vendor's address, its licence, its hash where one is published; and the download."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from edgebench.errors import UnknownName, UsageError

MOST_BYTES = 300 << 20
CHUNK = 1 << 20
TIMEOUT_S = 30.0
NIGHTLY = "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/nightly/latest"


@dataclass(frozen=True)
class Vendor:
    """One tool: prebuilt files by processor (none: `build` says how one is made), licence, published hashes."""

    name: str
    licence: str
    page: str
    build: str
    addresses: Mapping[str, str] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


VENDORS = {
    "benchmark_model": Vendor(
        "benchmark_model",
        "Apache-2.0",
        "https://ai.google.dev/edge/litert/models/measurement",
        "bazel build -c opt --config=android_arm64 tensorflow/lite/tools/benchmark:benchmark_model",
        {
            "arm64-v8a": f"{NIGHTLY}/android_aarch64_benchmark_model",
            "armeabi-v7a": f"{NIGHTLY}/android_arm_benchmark_model",
        },
        note="a nightly build: no hash is published, and it changes; with the Flex ops: ..._benchmark_model_plus_flex",
    ),
    "onnxruntime_perf_test": Vendor(
        "onnxruntime_perf_test",
        "MIT",
        "https://onnxruntime.ai/docs/build/android.html",
        "./build.sh --android --android_abi arm64-v8a ...; the tool lies in build/Android/Release",
    ),
    "benchncnn": Vendor(
        "benchncnn",
        "BSD-3-Clause",
        "https://github.com/Tencent/ncnn/tree/master/benchmark",
        "cmake with the NDK's toolchain file and -DNCNN_BUILD_BENCHMARK=ON; the tool lies in build/benchmark",
    ),
    "mnn_benchmark": Vendor(
        "mnn_benchmark",
        "Apache-2.0",
        "https://mnn-docs.readthedocs.io/en/latest/tools/benchmark.html",
        "cmake with the NDK's toolchain file and -DMNN_BUILD_BENCHMARK=ON; the tool is benchmark.out",
    ),
}
"""Addresses as the vendors' own pages give them; nothing of them is in this package."""


def get_vendor(name: str) -> Vendor:
    """Where a tool comes from. Raises `UnknownName` with the nearest one."""
    if name not in VENDORS:
        raise UnknownName("tool", name, VENDORS)
    return VENDORS[name]


def download(address: str, target: Path) -> None:
    """Fetch a file over https (http on this machine alone) to `target`, at most 300 MiB.

    Raises `UsageError` where it cannot be had whole.
    """
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")):
        raise UsageError(f"{address} is not an https address", hint="download it yourself, then `--from FILE`")
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer, target.open("wb") as file:  # noqa: S310
            expected, size = answer.headers.get("Content-Length"), 0
            while data := answer.read(CHUNK):
                size += len(data)
                if size > MOST_BYTES:
                    raise UsageError(f"{address} is larger than 300 MiB")
                file.write(data)
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UsageError(
            f"cannot fetch {address}: {reason}", hint="download it yourself, then `--from FILE`"
        ) from error
    if expected and expected.isdigit() and int(expected) != size:
        raise UsageError(f"{address} broke off after {size} of {expected} bytes", hint="try again")
