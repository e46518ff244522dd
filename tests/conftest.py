"""What holds for all tests."""

# plain unittest, for Python 3.6: tests/test_agent_pythons.py runs them from the built zip under three Pythons
collect_ignore = ["agent"]
