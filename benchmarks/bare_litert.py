"""A plain loop around `Interpreter.invoke`, as one would write it: the peer of edgebench's own loop for TFLite.

    python benchmarks/bare_litert.py MODEL SECONDS

Prints JSON: median_ns, cpu_ns (CPU time an iteration), n.
"""

import json
import statistics
import sys
import time

import numpy
from ai_edge_litert.interpreter import Interpreter

model, seconds = sys.argv[1], float(sys.argv[2])
interpreter = Interpreter(model_path=model, num_threads=1)
interpreter.allocate_tensors()
first = interpreter.get_input_details()[0]
pixels = numpy.random.RandomState(0).random_sample(first["shape"]).astype(first["dtype"])
interpreter.set_tensor(first["index"], pixels)
interpreter.invoke()

durations = []
cpu = time.process_time()
began = time.perf_counter_ns()
while True:
    before = time.perf_counter_ns()
    interpreter.invoke()
    after = time.perf_counter_ns()
    durations.append(after - before)
    if after - began >= seconds * 1e9:
        break
cpu = time.process_time() - cpu
print(
    json.dumps({"median_ns": statistics.median(durations), "cpu_ns": cpu * 1e9 / len(durations), "n": len(durations)})
)
