"""Runs on devices without Python: jobs for the sh agent, and its record turned into the events of any other job."""
