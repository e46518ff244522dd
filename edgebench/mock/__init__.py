"""Simulated devices with known truth."""
