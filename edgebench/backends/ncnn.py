"""ncnn, by its `benchncnn`."""

from __future__ import annotations

from edgebench.backends.tool_only import ToolOnlyBackend

backend = ToolOnlyBackend("ncnn", ("ncnn",), ("cpu", "gpu"))
