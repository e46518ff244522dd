"""Runtimes on the device, imported only inside a child process."""
