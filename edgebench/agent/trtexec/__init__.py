"""TensorRT driven through its own program, trtexec: its arguments, its words, the files it exports, the passes."""
