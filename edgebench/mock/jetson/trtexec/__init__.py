"""The replayed `trtexec` of a simulated Jetson: reads real models, takes the board's time, speaks as its release."""
