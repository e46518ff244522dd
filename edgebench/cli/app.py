"""The `edgebench` program: its verbs, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import re
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from edgebench import __version__
from edgebench.cli import bisect, devices, history, inspect, mock, power, run, schema, store, tools
from edgebench.cli.output import fail, set_verbosity
from edgebench.errors import EdgebenchError

_LOUDNESS = re.compile("-q+|-v+|--quiet|--verbose")

app = typer.Typer(
    name="edgebench",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgebench {__version__}")
        raise typer.Exit


@app.callback()
def root(
    quiet: Annotated[int, typer.Option("--quiet", "-q", count=True, help="No progress; -qq: no tables.")] = 0,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="More about what happens.")] = 0,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Benchmark compressed neural networks on the devices you own: a number its reader can trust.

    Example: edgebench run --device jetson-nano model.onnx
    """
    set_verbosity(verbose - quiet)


run.register(app)
app.add_typer(devices.app, name="devices")
inspect.register(app)
bisect.register(app)
history.register(app)
app.add_typer(power.app, name="power")
app.add_typer(store.app, name="store")
app.add_typer(tools.app, name="tools")
app.add_typer(mock.app, name="mock")
schema.register(app)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM and a closed terminal end a session as Ctrl-C does: what is finished is stored, the device restored."""
    raise KeyboardInterrupt


def loudness_first(args: Sequence[str]) -> list[str]:
    """The arguments with -q and -v, wherever they were typed before a `--`, in front: they belong to every command."""
    end = args.index("--") if "--" in args else len(args)
    moved = [arg for arg in args[:end] if _LOUDNESS.fullmatch(arg)]
    return [*moved, *(arg for arg in args[:end] if not _LOUDNESS.fullmatch(arg)), *args[end:]]


def main() -> None:
    """Run the program and exit with its code (interface.md lists them)."""
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGHUP, _terminate)
    try:
        app(args=loudness_first(sys.argv[1:]), standalone_mode=True)
    except EdgebenchError as error:
        sys.exit(fail(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # the boundary: whatever gets here is a bug, and says how to report it
        traceback.print_exc()
        sys.exit(fail(EdgebenchError(f"{type(error).__name__}: {error}")))
