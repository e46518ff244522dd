"""A simulated Jetson (or Raspberry Pi) on a real socket: an SSH server, a tree that moves, the vendor's programs."""
