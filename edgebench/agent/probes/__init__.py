"""Sensors of the device; every probe takes the root of the file system as a parameter."""
