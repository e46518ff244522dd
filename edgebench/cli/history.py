"""`edgebench history`: what is in the store, one run in full, and rows entered by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from typer.core import TyperGroup

from edgebench.cli.values import floats, pairs
from edgebench.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from edgebench.records import Run
    from edgebench.store.store import Store

Texts = list[str]
SHOWN = 30


class HistoryGroup(TyperGroup):
    """`history ...` is `history show ...` unless it names another command of the group."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `show` in front where no command is named."""
        named = bool(args) and args[0] in self.commands
        return super().parse_args(ctx, args if named else ["show", *args])


app = typer.Typer(
    cls=HistoryGroup, help="Look back: stored runs, one run in full, reported rows.\n\nExample: edgebench history last"
)


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app, name="history")


@app.command("show")
def show(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="An id, a prefix of at least 6 characters, or `last`.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Only this device, by name or id.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model, by name.")] = None,
    tag: Annotated[Texts, typer.Option(metavar="K=V", help="Only with this tag; repeatable.")] = [],  # noqa: B006
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="2026-11-01, or 7d, 12h, 2w ago.")] = None,
    status: Annotated[str | None, typer.Option(help="ok, unstable, failed, skipped. Comma list.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many, the newest; tables show 30 unless told.")
    ] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="The results store.")] = None,
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="The runs as one JSON document.")] = None,
) -> None:
    """Show stored runs, newest first; or all about one RUN. `history add-reported` enters a row by hand.

    Example: edgebench history --device jetson-nano --since 7d
    """
    from edgebench.cli.moments import parse_moment
    from edgebench.store import Filters, open_store

    with open_store(store, create=False) as opened:
        if run is not None:
            _refuse_filters(device, model, tag, since, status, limit)
            _show_run(opened, opened.run(run), json)
            return
        filters = Filters(
            device=device,
            model=model,
            tags=pairs(tag, "--tag"),
            since=parse_moment(since, "--since") if since else None,
            status=_statuses(status),
            limit=limit if json is not None or limit is not None else SHOWN,
        )
        _show_runs(opened.history(filters), json, cut=limit is None)


@app.command("add-reported")
def add_reported(
    model: Annotated[str, typer.Argument(help="The model's name, or its file.")],
    metric: Annotated[Texts, typer.Option(metavar="NAME=VALUE", help="Such as latency_p50=12.3; repeatable.")],
    source: Annotated[str, typer.Option(help="Where the figures come from: a paper, an app, a person.")],
    device: Annotated[str, typer.Option(help="The device they are said to be of.")] = "unknown",
    label: Annotated[str | None, typer.Option(help="The row's label.")] = None,
    backend: Annotated[str, typer.Option(help="The runtime they are said to be of.")] = "unknown",
    accelerator: Annotated[str | None, typer.Option(help="Where it is said to have run.")] = None,
    note: Annotated[str | None, typer.Option()] = None,
    tag: Annotated[Texts, typer.Option(metavar="K=V", help="Repeatable.")] = [],  # noqa: B006
    store: Annotated[str | None, typer.Option(metavar="URL", help="The results store.")] = None,
    json: Annotated[str | None, typer.Option(metavar="PATH|-", help="The row as one JSON document.")] = None,
) -> None:
    """Enter figures that somebody else reports; such a row never meets measured ones in a verdict.

    Example: edgebench history add-reported esrgan --metric latency_p50=12.3 --metric quality.psnr=31 --source "a paper"
    """
    from edgebench.controller.reported import Claim, reported_run
    from edgebench.store import open_store

    claim = Claim(
        model=model,
        metrics=floats(pairs(metric, "--metric"), "--metric"),
        source=source,
        device=device,
        label=label,
        backend=backend,
        accelerator=accelerator,
        note=note,
        tags=pairs(tag, "--tag"),
    )
    session, run = reported_run(claim)
    with open_store(store) as opened:
        opened.add_session(session)
        opened.add_run(run)
    _print_runs([run], json)


def _refuse_filters(*given: object) -> None:
    if any(given):
        raise UsageError("a RUN and filters exclude each other", hint="`edgebench history RUN` shows that run alone")


def _statuses(text: str | None) -> list[str] | None:
    from edgebench.cli.values import split_list
    from edgebench.records import Status

    statuses = split_list(text)
    for one in statuses:
        if one not in get_args(Status):
            raise UnknownName("status", one, get_args(Status))
    return statuses or None


def _show_runs(runs: list[Run], json: str | None, *, cut: bool) -> None:
    from edgebench.cli.output import tell

    _print_runs(runs, json)
    if not runs:
        tell("no stored run is like that")
    elif json is None and cut and len(runs) == SHOWN:
        tell(f"the newest {SHOWN}; `--limit N` shows more")


def _print_runs(runs: list[Run], json: str | None) -> None:
    from edgebench.cli.output import out, verbosity, write_document
    from edgebench.records import History, to_json
    from edgebench.report.history_view import history_table, series_table

    if json is not None:
        write_document(to_json(History(runs=runs), indent=1), json)
    if json == "-" or verbosity() < -1 or not runs:
        return
    out().print(history_table(runs))
    courses = series_table(_series(runs))
    if courses is not None:
        out().print()
        out().print(courses)


def _series(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs by series, each oldest first; `runs` are newest first."""
    from edgebench.store.series import series_key

    groups: dict[str, list[Run]] = {}
    for run in reversed(runs):
        groups.setdefault(series_key(run), []).append(run)
    return list(groups.values())


def _show_run(store: Store, run: Run, json: str | None) -> None:
    from edgebench.cli.output import verbosity, write_document
    from edgebench.cli.run_page import print_run
    from edgebench.records import History, to_json
    from edgebench.store import Filters
    from edgebench.store.series import series_key

    if json is not None:
        write_document(to_json(History(runs=[run]), indent=1), json)
    if json != "-" and verbosity() >= -1:
        before = [one for one in store.history(Filters(series=series_key(run))) if one.started_at <= run.started_at]
        print_run(run, before[::-1])
