"""What the ONNX parser inside `trtexec` prints, when it takes a model and when it does not."""

from __future__ import annotations

from edgebench.mock.jetson.trtexec.dialects import Dialect
from edgebench.mock.jetson.trtexec.network import Network, Unparsed, node_name
from edgebench.mock.jetson.trtexec.voice import Voice

RULE = "-" * 64


def announce(net: Network, path: str, dialect: Dialect, voice: Voice) -> None:
    """Where the model comes from. Releases before 8 print it past the logger."""
    stamps = (f"{f'{name}:':<18}{value}" for name, value in net.stamps.items())
    rows = [RULE, f"Input filename:   {path}", *stamps, RULE]
    for row in rows:
        if dialect.since(8):
            voice.trt(row)
        else:
            voice.raw(row + "\n")


def refusal(error: Unparsed, dialect: Dialect, voice: Voice) -> None:
    """An operator that it does not know. The wording is that of logs of 8.2.1, 8.5.3, 8.6.1 and 10.3."""
    node, op = error.node, error.node.op_type
    where = f'node number {error.number} [{op} -> "{next(iter(node.output), "")}"]'
    plugin = '"Plugin not found, are the plugin name, version, and namespace correct?"'
    bracketed = f"[{op}]" if dialect.since(10, 9) else op
    voice.trt(f"No importer registered for op: {bracketed}. Attempting to import as plugin.")
    voice.trt(f"Searching for plugin: {op}, plugin_version: 1, plugin_namespace: ")
    if dialect.since(10):
        lines, source, checker = (949, 950, 951, 954), "onnxOpCheckers.cpp:780", "checkFallbackPluginImporter"
        reason = f"[8] Assertion failed: creator && {plugin}"
    else:
        voice.trt(f"3: getPluginCreator could not find plugin: {op} version: 1", "E")
        lines, checker = (773, 774, 775, 776), "importFallbackPluginImporter"
        source = "builtin_op_importers.cpp:5402" if dialect.since(8, 5) else "builtin_op_importers.cpp:4870"
        reason = f"[8] Assertion failed: creator && {plugin}"
    voice.trt(f"ModelImporter.cpp:{lines[0]}: While parsing {where}:", "E")
    voice.trt(f"ModelImporter.cpp:{lines[1]}: --- Begin node ---", "E")
    text = "".join([*(f'input: "{name}"\n' for name in node.input), *(f'output: "{name}"\n' for name in node.output),
                    f'name: "{node_name(node)}"\nop_type: "{op}"\n'])  # fmt: skip
    # 8.x logs the node with a stamp of its own, 10 does not
    if dialect.since(10):
        voice.death(f"{text}\n")
    else:
        voice.trt(text, "E")
    voice.trt(f"ModelImporter.cpp:{lines[2]}: --- End node ---", "E")
    voice.trt(f"ModelImporter.cpp:{lines[3]}: ERROR: {source} In function {checker}:\n{reason}", "E")
