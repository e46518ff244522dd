"""The flags of `benchmark_model`, and what it says when they are wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

FLAGS: dict[str, tuple[object, str]] = {
    "num_runs": (50, "expected number of runs, see also min_secs, max_secs"),
    "min_secs": (1.0, "minimum number of seconds to rerun for, potentially making the actual number of runs greater"),
    "max_secs": (150.0, "maximum number of seconds to rerun for, potentially making the actual number of runs less"),
    "run_delay": (-1.0, "delay between runs in seconds"),
    "run_frequency": (-1.0, "Execute at a fixed frequency, instead of a fixed delay"),
    "num_threads": (-1, "number of threads used for inference on CPU"),
    "use_caching": (False, "Enable caching of prepacked weights matrices in matrix multiplication routines"),
    "warmup_runs": (1, "minimum number of runs performed on initialization, to allow performance to settle"),
    "warmup_min_secs": (0.5, "minimum number of seconds to rerun for, potentially making the number of runs greater"),
    "verbose": (False, "Whether to log parameters whose values are not set"),
    "dry_run": (False, "Whether to run the tool just with simply loading the model"),
    "report_peak_memory_footprint": (False, "Report the peak memory footprint by periodically checking it"),
    "memory_footprint_check_interval_ms": (50, "The interval in millisecond between two consecutive checks"),
    "graph": ("", "graph file name"),
    "input_layer": ("", "input layer names"),
    "input_layer_shape": ("", "input layer shape"),
    "input_layer_value_range": ("", "A map-like string representing value range for *integer* input layers"),
    "input_layer_value_files": ("", "A map-like string representing value file"),
    "allow_fp16": (False, "allow fp16"),
    "require_full_delegation": (False, "require delegate to run the entire graph"),
    "enable_op_profiling": (False, "enable op profiling"),
    "max_profiling_buffer_entries": (1024, "max initial profiling buffer entries"),
    "profiling_output_csv_file": ("", "File path to export profile data as CSV, if not set prints to stdout"),
    "op_profiling_output_mode": ("stdout", "Output mode for op profiling results: stdout, csv, proto"),
    "op_profiling_output_file": ("", "Output file for op profiling results"),
    "output_filepath": ("", "File path to export outputs layer as binary data"),
    "output_proto_filepath": ("", "File path to export outputs layer as tf example proto"),
    "print_preinvoke_state": (False, "print out the interpreter internals just before calling Invoke"),
    "print_postinvoke_state": (False, "print out the interpreter internals just before benchmark completes"),
    "release_dynamic_tensors": (False, "Ensure dynamic tensor's memory is released when they are not used"),
    "help": (False, "Print out all supported flags if true"),
    "use_xnnpack": (True, "explicitly apply the XNNPACK delegate"),
    "xnnpack_force_fp16": (False, "enforce float16 inference"),
    "use_gpu": (False, "use gpu"),
    "gpu_precision_loss_allowed": (True, "Allow to process computation in lower precision than FP32 in GPU"),
    "gpu_experimental_enable_quant": (True, "Whether to enable the GPU delegate to run quantized models or not"),
    "gpu_inference_for_sustained_speed": (False, "Whether to prefer maximizing the throughput"),
    "gpu_backend": ("", "Force the GPU delegate to use a particular backend for execution: cl, gl"),
    "use_nnapi": (False, "use nnapi delegate api"),
    "nnapi_execution_preference": ("", "execution preference for nnapi delegate"),
    "nnapi_accelerator_name": ("", "the name of the nnapi accelerator to use (requires Android Q+)"),
    "disable_nnapi_cpu": (True, "Disable the NNAPI CPU device"),
    "nnapi_allow_fp16": (False, "Allow fp32 computation to be run in fp16"),
    "use_hexagon": (False, "Use Hexagon delegate"),
    "hexagon_lib_path": ("/data/local/tmp", "The library path for the underlying Hexagon libraries"),
    "external_delegate_path": ("", "The library path for the underlying external"),
    "external_delegate_options": ("", "A list of comma-separated options to be passed to the external delegate"),
}
"""Name -> default and words, as the tool lists them."""


@dataclass(frozen=True)
class Options:
    """Parsed arguments: `values` of all flags, the names that were `given`, what was not known, what was wrong."""

    values: dict[str, object]
    given: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    wrong: tuple[str, ...] = field(default=())

    def text(self, name: str) -> str:
        """A flag's value as text."""
        return str(self.values[name])

    def number(self, name: str) -> float:
        """A flag's value as a number."""
        return float(str(self.values[name]))

    def on(self, name: str) -> bool:
        """Whether a flag is set."""
        return bool(self.values[name])


def parse(argv: list[str]) -> Options:
    """Read arguments as the tool does: `--name=value` only; what it does not know it says and ignores."""
    values = {name: default for name, (default, _) in FLAGS.items()}
    given, unknown, wrong = [], [], []
    for argument in argv:
        name, equals, text = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or name not in FLAGS or not (equals or isinstance(values[name], bool)):
            unknown.append(argument)
            continue
        try:
            values[name] = _value(FLAGS[name][0], text if equals else "true")
            given.append(name)
        except ValueError:
            wrong.append(f"Failed to parse flag '{name}' against argv '{argument}'")
    return Options(values, tuple(given), tuple(unknown), tuple(wrong))


def _value(default: object, text: str) -> object:
    """A value of the default's kind. Raises ValueError."""
    if isinstance(default, bool):
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError(text)
        return text.lower() in ("true", "1")
    if isinstance(default, int):
        return int(text)
    return float(text) if isinstance(default, float) else text


def usage(program: str) -> str:
    """What `--help` prints."""
    rows = []
    for name, (default, words) in FLAGS.items():
        kind = {bool: "bool", int: "int32", float: "float", str: "string"}[type(default)]
        shown = str(default).lower() if isinstance(default, bool) else default
        rows.append(f"\t--{f'{name}={shown}':<44}\t{kind}\t{'required' if name == 'graph' else 'optional'}\t{words}")
    return f"usage: {program} <flags>\nWhere:\n" + "\n".join(rows)
