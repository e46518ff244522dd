"""Plays trtexec: a program of one dialect, written from the captured samples and NVIDIA's published sources.

`settings.json` beside the program says: dialect "7" | "8.2" | "10"; sm; compute_ms; and faults: `fail` (lines to print
before FAILED), `hang` ("build" or "run"), `mumble`, `die` (a signal in the run), `warmups`, `short_export`, `silent`
(it does not say when it starts), `nvmap_kib` (what the kernel's table `nvmap` lists for it). The model is a text file:
"affine" runs y = 2x + 1 on the one input x, "op NAME" cannot be parsed. truth.json tells what was done.
"""

import json
import os
import signal
import struct
import sys
import time

SETTINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "settings.json")
COMMON = tuple(
    (
        "onnx saveEngine loadEngine minShapes optShapes maxShapes shapes fp16 int8 noTF32 useDLACore allowGPUFallback "
        "loadInputs iterations warmUp duration sleepTime exposeDMA useSpinWait avgRuns percentile dumpProfile "
        "exportTimes exportOutput exportProfile help"
    ).split()
)
OPTIONS = {
    "7": COMMON + ("workspace", "buildOnly", "explicitBatch", "streams"),
    "8.2": COMMON + ("workspace", "buildOnly", "explicitBatch", "streams", "exportLayerInfo", "dumpLayerInfo",
                     "profilingVerbosity", "separateProfileRun", "idleTime", "noDataTransfers"),
    "10": COMMON + ("memPoolSize", "skipInference", "infStreams", "exportLayerInfo", "dumpLayerInfo",
                    "profilingVerbosity", "separateProfileRun", "idleTime", "noDataTransfers"),
}  # fmt: skip
BANNER = {"7": "", "8.2": " [TensorRT v8201]", "10": " [TensorRT v100300] [b30]"}
VERSION = {"7": "7.1.3", "8.2": "8.2.1", "10": "10.3.0"}


class Failed(Exception):
    """Ends with FAILED; its lines are printed before."""


def say(text, severity="I"):
    stream = sys.stdout if severity == "I" else sys.stderr
    stream.write("[11/21/2026-16:42:03] [%s] %s\n" % (severity, text))
    stream.flush()


def banner(status):
    sys.stdout.write("&&&& %s TensorRT.trtexec%s # %s\n" % (status, BANNER[setting["dialect"]], " ".join(sys.argv)))
    sys.stdout.flush()


def parse(argv):
    options = {}
    for word in argv:
        name, _, value = word.lstrip("-").partition("=")
        if name not in OPTIONS[setting["dialect"]]:
            say("Unknown option: --%s %s" % (name, value), "E")
            raise Failed()
        options[name] = value
    return options


def pairs(text):
    return dict(part.rsplit(":", 1) for part in text.split(",")) if text else {}


def dims(text):
    return [int(part) for part in text.split("x")]


def device_information():
    if setting["dialect"] != "7":
        say("=== Device Information ===")
        say("Selected Device: NVIDIA Tegra X1")
        say("Compute Capability: %s" % setting["sm"])
        say("TensorRT version: %s" % VERSION[setting["dialect"]])
        say("[TRT] [MemUsageChange] Init CUDA: CPU +229, GPU +0, now: CPU 250, GPU 2150 (MiB)")


def build(options):
    with open(options["onnx"]) as source:
        model = source.read().split()
    say("Start parsing network model")
    if model[0] == "op":
        say('[TRT] ModelImporter.cpp:773: While parsing node number 7 [%s -> "y"]:' % model[1], "E")
        say("[TRT] ModelImporter.cpp:774: --- Begin node ---", "E")
        say('[TRT] ModelImporter.cpp:775: input: "x"\noutput: "y"\nname: "odd_7"\nop_type: "%s"\n' % model[1], "E")
        words = 'creator && "Plugin not found, are the plugin name, version, and namespace correct?"'
        say("[TRT] ModelImporter.cpp:779: ERROR: builtin_op_importers.cpp:4870 In function import:\n"
            "[8] Assertion failed: " + words, "E")  # fmt: skip
        say("Failed to parse onnx file", "E")
        raise Failed()
    say("Finished parsing network model. Parse time: 0.01")
    if options.get("useDLACore") and not setting.get("dla"):
        say("Cannot create DLA engine, %s not available" % options["useDLACore"], "E")
        raise Failed()
    if "int8" in options and setting["sm"] == "5.3":
        say("[TRT] Int8 support requested on hardware without native Int8 support, performance will be negatively "
            "affected.", "W")  # fmt: skip
    with open(options["saveEngine"], "w") as part:
        part.write("half")
    hang("build")
    for line in setting.get("fail", []):
        say(line, "E")
    if setting.get("fail"):
        raise Failed()
    shape = dims(pairs(options["optShapes"])["x"]) if "optShapes" in options else [1, 4]
    engine = {"version": VERSION[setting["dialect"]], "sm": setting["sm"], "shape": shape, "options": sorted(options)}
    with open(options["saveEngine"], "w") as part:
        json.dump(engine, part)
    say("Engine built in 0.5 sec.")


def load(options):
    path = options["loadEngine"]
    if not os.path.exists(path):
        say("Error opening engine file: %s" % path, "E")
        raise Failed()
    with open(path) as source:
        engine = json.load(source)
    here = VERSION[setting["dialect"]]
    if engine["version"] != here:
        say("[TRT] 6: The engine plan file is not compatible with this version of TensorRT, expecting library version "
            "%s got %s, please rebuild." % (here, engine["version"]), "E")  # fmt: skip
        say("[TRT] 4: [runtime.cpp::deserializeCudaEngine::50] Error Code 4: Internal Error (Engine deserialization "
            "failed.)", "E")  # fmt: skip
        say("Engine deserialization failed", "E")
        raise Failed()
    if setting["dialect"] != "7":
        say("[TRT] Loaded engine size: 0 MiB")
        time.sleep(0.3)  # deserialising takes its time on a board
        say("[TRT] [MemUsageChange] TensorRT-managed allocation in IExecutionContext creation: CPU +0, GPU +3, "
            "now: CPU 0, GPU 16 (MiB)")  # fmt: skip
    return engine


def feed(options, engine):
    shape = dims(pairs(options["shapes"])["x"]) if "shapes" in options else engine["shape"]
    size = 1
    for dim in shape:
        size *= dim
    files = pairs(options.get("loadInputs", ""))
    values = [0.5] * size
    if "x" in files:
        with open(files["x"], "rb") as raw:
            data = raw.read()
        if len(data) != 4 * size:
            say("Unexpected file size for input file: %s" % files["x"], "E")
            raise Failed()
        values = struct.unpack("<%df" % size, data)
    if setting["dialect"] != "7":
        say("Using values loaded from %s for input x" % files["x"] if files else "Using random values for input x")
        say("Input binding for x with dimensions %s is created." % "x".join(map(str, shape)))
        say("Output binding for y with dimensions %s is created." % "x".join(map(str, shape)))
    return shape, values


def loop(options):
    """Run as inferenceLoop does; return (monotonic ns of the first event, [(start, end) in ms after it])."""
    zero = time.monotonic()
    rows, iterations, seconds = [], int(options["iterations"]), int(options["duration"])
    while len(rows) < iterations or (rows[-1][0] if rows else 0) < 1000.0 * seconds:
        begin = time.monotonic()
        time.sleep(setting.get("compute_ms", 1.0) / 1000)
        rows.append((1000 * (begin - zero), 1000 * (time.monotonic() - zero)))
        if setting.get("die") and len(rows) > 3:
            os.kill(os.getpid(), setting["die"])
    return zero, rows


def times_json(rows):
    lines = []
    for begin, end in rows:
        row = [("startEnqMs", begin), ("endEnqMs", begin), ("startH2dMs", begin), ("endH2dMs", begin + 0.01),
               ("startComputeMs", begin + 0.01), ("endComputeMs", end - 0.01), ("startD2hMs", end - 0.01),
               ("endD2hMs", end), ("h2dMs", 0.01), ("computeMs", end - begin - 0.02), ("d2hMs", 0.01),
               ("latencyMs", end - begin)]  # fmt: skip
        if setting["dialect"] in ("7",):
            row.append(("endToEndMs", end - begin + 0.005))
        lines.append("{ " + ", ".join('"%s" : %g' % pair for pair in row) + " }\n")
    text = "[\n  " + ", ".join(lines) + "]\n"
    return text[: len(text) // 2] if setting.get("short_export") else text


def write(options, name, text):
    if options.get(name):
        with open(options[name], "w") as out:
            out.write(text)


def infer(options):
    engine = load(options)
    shape, values = feed(options, engine)
    layers = ["Reformatting CopyNode for Input Tensor 0 to conv_1 + relu_2", "conv_1 + relu_2"]
    tensor = [{"Name": "x", "Dimensions": shape, "Format/Datatype": "Row major linear FP16 format"}]
    detailed = [
        {"Name": layers[0], "LayerType": "Reformat", "Inputs": tensor, "Outputs": tensor, "Metadata": ""},
        {"Name": layers[1], "LayerType": "CaskConvolution", "Inputs": tensor, "Outputs": tensor,
         "Weights": {"Type": "Half", "Count": 9}, "Metadata": "[ONNX Layer: conv_1]\x1e[ONNX Layer: relu_2]"},
    ]  # fmt: skip
    write(options, "exportLayerInfo", json.dumps({"Layers": detailed, "Bindings": ["x", "y"]}))
    for line in setting.get("run_fail", []):
        say(line, "E")
        raise Failed()
    if not setting.get("silent"):
        say("Starting inference threads" if setting["dialect"] == "7" else "Starting inference")
    if setting.get("nvmap_kib"):
        with open(setting["nvmap"], "w") as table:
            table.write("user   trtexec  %d  %dK\nuser   other  1  7K\n" % (os.getpid(), setting["nvmap_kib"]))
    hang("run")
    zero, rows = loop(options)
    warm = setting.get("warmups", 0)
    say("Warmup completed %d queries over 0 ms" % warm)
    say("Timing trace has %d queries over %g s" % (len(rows) - warm, rows[-1][1] / 1000))
    say("")
    say("=== Trace details ===")
    say("=== Performance summary ===")
    say("Throughput: %g qps" % (1000 * len(rows) / rows[-1][1]))
    say("* GPU compute time is unstable, with coefficient of variance = 5.5%.", "W")
    write(options, "exportTimes", times_json(rows))
    text = ", ".join("%g" % (2 * value + 1) for value in values)
    body = '{ "name" : "y"\n  , "dimensions" : "%s"\n  , "values" : [ %s ]\n  }' % ("x".join(map(str, shape)), text)
    write(options, "exportOutput", "[\n  %s\n]\n" % body)
    profile = '{ "name" : "%s", "timeMs" : %g, "averageMs" : %g, "percentage" : %g }\n'
    rows_of = [profile % (layers[0], 2.5, 0.25, 25.0), profile % (layers[1], 7.5, 0.75, 75.0)]
    write(options, "exportProfile", '[\n  { "count" : 10 }\n, ' + ", ".join(rows_of) + "]\n")
    with open(os.path.join(os.path.dirname(SETTINGS), "truth.json"), "w") as out:
        json.dump({"zero_ns": int(zero * 1e9), "rows": rows, "argv": sys.argv[1:], "pid": os.getpid()}, out)


def hang(where):
    if setting.get("hang") == where:
        with open(os.path.join(os.path.dirname(SETTINGS), "pid"), "w") as out:
            out.write(str(os.getpid()))
        while True:
            signal.pause()


def main():
    if setting.get("mumble"):
        sys.stdout.write("I am no trtexec, I am a teapot.\n")
        return 0
    banner("RUNNING")
    try:
        options = parse(sys.argv[1:])
        if "help" in options:
            sys.stdout.write("".join("  --%s=N   does what it does\n" % name for name in OPTIONS[setting["dialect"]]))
            return 0
        device_information()
        if "onnx" in options:
            build(options)
        else:
            infer(options)
    except Failed:
        banner("FAILED")
        return 1
    banner("PASSED")
    return 0


if __name__ == "__main__":
    with open(SETTINGS) as file:
        setting = json.load(file)
    sys.exit(main())
