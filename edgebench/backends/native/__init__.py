"""Runtimes' own benchmark tools, for devices without Python: what to call, and what the printed text means."""
