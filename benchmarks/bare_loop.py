"""A plain loop around `session.run`, as one would write it: the peer that edgebench's own loop is compared with.

    python benchmarks/bare_loop.py MODEL SECONDS 1x3x180x320

Prints JSON: median_ns, cpu_ns (CPU time an iteration), n.
"""

import json
import statistics
import sys
import time

import numpy
import onnxruntime

model, seconds = sys.argv[1], float(sys.argv[2])
shape = [int(size) for size in sys.argv[3].split("x")]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
feeds = {session.get_inputs()[0].name: numpy.random.RandomState(0).random_sample(shape).astype(numpy.float32)}
session.run(None, feeds)

durations = []
cpu = time.process_time()
began = time.perf_counter_ns()
while True:
    before = time.perf_counter_ns()
    session.run(None, feeds)
    after = time.perf_counter_ns()
    durations.append(after - before)
    if after - began >= seconds * 1e9:
        break
cpu = time.process_time() - cpu
print(
    json.dumps({"median_ns": statistics.median(durations), "cpu_ns": cpu * 1e9 / len(durations), "n": len(durations)})
)
