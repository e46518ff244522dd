"""Property tests here are seeded, and not timed: the first example of a process imports scipy."""

from hypothesis import settings

settings.register_profile("stats", deadline=None, derandomize=True)
settings.load_profile("stats")
