"""A simulated Android phone on a real socket: the ADB device protocol over a model of heat, battery and work."""
