"""MNN, by its `benchmark.out`."""

from __future__ import annotations

from edgebench.backends.tool_only import ToolOnlyBackend

backend = ToolOnlyBackend("mnn", ("mnn",), ("cpu", "opencl", "opengl", "vulkan"))
