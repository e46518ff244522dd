"""The stand-in for TFLite's `benchmark_model` on a simulated phone: its flags, its words, its time and its watts."""
