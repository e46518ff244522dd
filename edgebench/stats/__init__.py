"""Statistics of benchmarks: pure functions on numpy arrays, tested against simulated truth."""
