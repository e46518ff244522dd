"""The agent under test: from the built zip that EDGEBENCH_AGENT_ZIP names, else from the source tree.

Runs on Python 3.6 too, with the standard library alone.
"""

import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
ZIP = os.environ.get("EDGEBENCH_AGENT_ZIP")

if ZIP:
    sys.path.insert(0, ZIP)
    NAME = "edgebench_agent"
else:
    if SOURCE not in sys.path:
        sys.path.append(SOURCE)
    NAME = "edgebench.agent"

agent = importlib.import_module(NAME)


def module(name):
    """Return a module of the agent, as `module("loop")`."""
    return importlib.import_module(NAME + "." + name)


def command():
    """Return the argv prefix that runs the agent."""
    return [sys.executable, ZIP] if ZIP else [sys.executable, "-m", NAME + ".main"]


def environment():
    """Return the environment in which `command` works from any folder."""
    return os.environ if ZIP else dict(os.environ, PYTHONPATH=SOURCE)
