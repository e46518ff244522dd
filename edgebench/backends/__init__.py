"""What the host knows of each runtime: formats, accelerators, pre-flight checks, reference outputs."""
