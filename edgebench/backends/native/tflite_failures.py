"""Why a run of `benchmark_model` failed: its own lines, each under one of the closed codes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgebench.backends.native.lines import Line, message

OOM = (
    r"std::bad_alloc|[Oo]ut of memory|Cannot allocate memory|emory object allocation failure"
    r"|OUT_OF_(?:HOST_)?MEMORY|OUT_OF_RESOURCES"
)
CODES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "tool-wrong-abi",
        re.compile(
            r"not executable: (?:32|64)-bit ELF|Exec format error|cannot execute(?: binary file|: required file)"
            r"|has unexpected e_machine|is (?:32|64)-bit instead of (?:32|64)-bit|wrong ELF class"
            # a C library hands what it cannot execute to a shell, which stumbles over its first line
            r"|\?ELF|^/\S+/\w+: 1: (?:Syntax error|\S* ?not found)"
        ),
    ),
    ("permission", re.compile(r"(?:can't execute|benchmark_model|[Ee]xec\w*).{0,80}Permission denied")),
    (
        "tool-missing",
        re.compile(r"CANNOT LINK EXECUTABLE|inaccessible or not found|error while loading shared libraries"),
    ),
    ("disk-full", re.compile(r"No space left on device")),
    ("oom", re.compile(OOM)),
    (
        "unsupported-op",
        re.compile(
            r"Select TensorFlow op\(s\)|[Uu]nresolved custom op|Didn't find op for builtin opcode"
            r"|Unsupported data type .* in op|Op builtin_code out of range"
        ),
    ),
    (
        "shape-mismatch",
        re.compile(
            r"Inputs mismatch: Model inputs|should have \d+ dimensions|number of items in --input_layer_shape"
            r"|unknown sizes in the shapes|num_input_elements != num_output_elements|dynamic-sized tensors"
            r"|Batch size mismatch|[Dd]imensions? (?:mismatch|do not match)"
            r"|\.cc:\d+ .*(?:dims->|NumDimensions|SizeOfDimension|NumElements).* != "
        ),
    ),
    (
        "bad-input",
        re.compile(
            r"input_layer_value_file|Wrong input value|The size of .* bytes\. It should be|Failed to parse flag"
            r"|Incorrect size string|Signature not specified or incorrect|^usage: "
        ),
    ),
    (
        "load-failed",
        re.compile(
            r"Failed to (?:load model|mmap model|initialize model loader|initialize the interpreter|allocate tensors)"
            r"|Could not open|Mmap of .* failed|not a valid [Ff]latbuffer|model identifier|Failed to load"
        ),
    ),
)
"""First match of the first code wins; a refused delegate is looked for before all of them but the first four."""

BEFORE_DELEGATE = ("tool-wrong-abi", "permission", "tool-missing", "disk-full")
_NODE = re.compile(r"Node number \d+ \(([\w.]+)\) failed to prepare")
_DETAIL = re.compile(r"\w+\.(?:cc|h):\d+ ")
FLEX_HINT = "this tool was built without the Flex ops"


def known_failure(lines: Sequence[Line], codes: Sequence[str] | None = None) -> tuple[str, str] | None:
    """(code, message) of the first code that a line speaks of, None where no line does."""
    telling = [line for line in lines if line.level not in ("WARN", "VERBOSE", "DEBUG")]
    for code, pattern in CODES:
        if codes is not None and code not in codes:
            continue
        found = next((line.text for line in telling if pattern.search(line.text)), None)
        if found is not None:
            return code, message(*_with_details(found, lines, code))
    return None


def _with_details(found: str, lines: Sequence[Line], code: str) -> list[str]:
    """The line with the node that failed and the kernel's own words, where they say more than the line itself."""
    if code not in ("unsupported-op", "load-failed", "shape-mismatch"):
        return [found]
    details = [line.text for line in lines if _NODE.search(line.text) or _DETAIL.search(line.text)][:2]
    if code == "unsupported-op" and any("Select TensorFlow op(s)" in line.text for line in lines):
        return [FLEX_HINT, *details, found]  # TensorFlow's own line is long: the node would be cut off behind it
    return [found, *details]


def last_words(lines: Sequence[Line], exit_code: int) -> tuple[str, str]:
    """(code, message) of an end that no line explains."""
    said = [line.text for line in lines if line.is_error] or [line.text for line in lines[-1:]]
    last = said[-1] if said else "it said nothing"
    if exit_code in (126, 127):
        return ("permission", "tool-missing")[exit_code - 126], message(last)
    number = exit_code - 128 if 128 < exit_code < 193 else -exit_code if exit_code < 0 else None
    ended = f"killed by signal {number}" if number else f"ended with status {exit_code}"
    return "crashed", message(ended, last)
