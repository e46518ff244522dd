"""Benchmark compressed neural networks on the devices you own: a number its reader can trust."""

__version__ = "0.1.0"
