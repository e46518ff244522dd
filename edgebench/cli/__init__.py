"""Commands of the `edgebench` program: one file a verb; the only place that prints and exits."""
