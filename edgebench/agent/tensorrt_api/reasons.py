"""Why a build failed, from what TensorRT logged: it returns None and gives no reason itself."""

from ..failures import Failure
from ..trtexec.complaints import complaint_of

SHORT_OF_WORKSPACE = r"insufficient workspace|[Tt]ry increasing the workspace"


def build_failure(log, workspace_mib):
    """Return the Failure for a build that gave nothing; `workspace_mib` is what the builder was given, None: no bound.

    A layer that lacks workspace asks for more of it, a board that lacks memory for less.
    """
    short = log.find(SHORT_OF_WORKSPACE, "FE")
    if short and workspace_mib:
        text = "%s (it had %d MiB; `--option workspace=MiB` gives more)" % (short, workspace_mib)
        return Failure("oom", text, "build")
    told = complaint_of(list(log.lines), "build-failed")
    if told.code in ("crashed", "load-failed"):
        return Failure("build-failed", told.message, "build")
    return Failure(told.code, told.message, "build")
