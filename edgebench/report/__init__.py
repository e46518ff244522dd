"""Records shown to people: reads records and nothing else."""
