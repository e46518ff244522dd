"""What runs on the device: standard library only, Python 3.6 or newer."""
