"""`edgebench run`: measure models on devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebench.cli.values import floats, once, pairs, share, span, split_ints, split_list
from edgebench.errors import UsageError

if TYPE_CHECKING:
    from edgebench.cli.measuring import Job
    from edgebench.controller.requests import RunOptions
    from edgebench.controller.spec import Settings

Texts = list[str]
WHAT, HOW, INPUTS, CHECKS, NOTES, OUTPUT = "Variant", "How long", "Inputs", "Checks and power", "Notes", "Output"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    models: Annotated[Texts, typer.Argument(metavar="MODEL...", help="Model files (.onnx, .tflite, .engine).")],
    device: Annotated[Texts, typer.Option(help="A device, a profile or an @label; repeatable.")] = ["localhost"],  # noqa: B006
    backend: Annotated[str | None, typer.Option(rich_help_panel=WHAT, help="The runtime. Comma list.")] = None,
    accelerator: Annotated[
        str | None, typer.Option(rich_help_panel=WHAT, help="Where it runs: cpu, cuda... Comma list.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(rich_help_panel=WHAT, help="The file's own; TensorRT also builds fp16. Comma list.")
    ] = None,
    threads: Annotated[
        str | None, typer.Option(rich_help_panel=WHAT, help="Threads of the runtime. Comma list.")
    ] = None,
    batch: Annotated[str | None, typer.Option(rich_help_panel=WHAT, help="Batch sizes. Comma list.")] = None,
    option: Annotated[
        Texts, typer.Option(rich_help_panel=WHAT, metavar="KEY=VALUE", help="To the runtime; repeatable.")
    ] = [],  # noqa: B006
    prepare: Annotated[
        Texts,
        typer.Option(
            rich_help_panel=WHAT, metavar="KEY=VALUE", help="power-mode, clocks, fan, governor...; repeatable."
        ),
    ] = [],  # noqa: B006
    allow_reboot: Annotated[
        bool, typer.Option("--allow-reboot", rich_help_panel=WHAT, help="For a power mode that needs one.")
    ] = False,
    calibration: Annotated[
        str | None,
        typer.Option(rich_help_panel=WHAT, metavar="FOLDER|FILE.npz", help="TensorRT: int8 of a file without scales."),
    ] = None,
    shape: Annotated[Texts, typer.Option(rich_help_panel=INPUTS, metavar="NAME=1x3x180x320", help="Repeatable.")] = [],  # noqa: B006
    input: Annotated[
        str | None, typer.Option(rich_help_panel=INPUTS, metavar="FILE.npz|FOLDER", help="Instead of seeded noise.")
    ] = None,
    input_range: Annotated[
        str | None, typer.Option(rich_help_panel=INPUTS, metavar="0,255", help="Of the inputs' values.")
    ] = None,
    frames_per_inference: Annotated[int, typer.Option(rich_help_panel=INPUTS, min=1, help="For FPS.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", rich_help_panel=HOW, help="20-30 s a variant, grade C.")] = False,
    publish: Annotated[bool, typer.Option("--publish", rich_help_panel=HOW, help="25 min a variant.")] = False,
    invocations: Annotated[int | None, typer.Option(rich_help_panel=HOW, min=1, help="Fresh processes.")] = None,
    min_time: Annotated[float | None, typer.Option(rich_help_panel=HOW, min=0.0, help="Seconds each.")] = None,
    max_time: Annotated[float | None, typer.Option(rich_help_panel=HOW, min=1.0, help="Seconds a variant.")] = None,
    soak: Annotated[float | None, typer.Option(rich_help_panel=HOW, min=0.0, help="Seconds; 0: none.")] = None,
    target_fps: Annotated[
        float | None, typer.Option(rich_help_panel=HOW, min=0.001, help="Also run paced at this rate.")
    ] = None,
    power: Annotated[
        str,
        typer.Option(
            rich_help_panel=CHECKS,
            metavar="auto|off|SOURCE",
            help="ina3221, tegrastats, rpi5-pmic, rapl, nvml, hwmon; phones: sysfs-fuel-gauge, odpm-iio...",
        ),
    ] = "auto",
    power_csv: Annotated[
        str | None, typer.Option(rich_help_panel=CHECKS, metavar="FILE", help="A meter's growing file: t_unix_s,watts.")
    ] = None,
    no_memory: Annotated[bool, typer.Option("--no-memory", rich_help_panel=CHECKS, help="Leave its pass out.")] = False,
    reference: Annotated[
        str | None, typer.Option(rich_help_panel=CHECKS, metavar="MODEL", help="Compare outputs with its.")
    ] = None,
    min_psnr: Annotated[
        float, typer.Option(rich_help_panel=CHECKS, metavar="DB", help="Under it: wrong-output.")
    ] = 30.0,
    require_delegated: Annotated[
        str | None, typer.Option(rich_help_panel=CHECKS, metavar="95%", help="Less: delegate-partial.")
    ] = None,
    quality: Annotated[Texts, typer.Option(rich_help_panel=NOTES, metavar="NAME=VALUE", help="Repeatable.")] = [],  # noqa: B006
    name: Annotated[str | None, typer.Option(rich_help_panel=NOTES, help="The model's name.")] = None,
    label: Annotated[str | None, typer.Option(rich_help_panel=NOTES, help="The row's label.")] = None,
    note: Annotated[str | None, typer.Option(rich_help_panel=NOTES, help="Kept with the row.")] = None,
    parent: Annotated[
        str | None, typer.Option(rich_help_panel=NOTES, metavar="RUN|LABEL", help="What it was made from.")
    ] = None,
    tag: Annotated[Texts, typer.Option(rich_help_panel=NOTES, metavar="K=V", help="Repeatable.")] = [],  # noqa: B006
    detach: Annotated[
        bool, typer.Option("--detach", rich_help_panel=HOW, help="Start it, exit 0; a later session collects.")
    ] = False,
    unplugged: Annotated[
        bool, typer.Option("--unplugged", rich_help_panel=HOW, help="A phone: measure once its cable is out.")
    ] = False,
    flops_as: Annotated[
        str, typer.Option(rich_help_panel=OUTPUT, metavar="macs|flops", help="What the table counts.")
    ] = "macs",
    store: Annotated[str | None, typer.Option(rich_help_panel=OUTPUT, metavar="URL", help="The results store.")] = None,
    json: Annotated[str | None, typer.Option(rich_help_panel=OUTPUT, metavar="PATH|-", help="The report.")] = None,
    samples: Annotated[
        bool, typer.Option("--samples", rich_help_panel=OUTPUT, help="Raw samples in the JSON.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", rich_help_panel=OUTPUT, help="Show the plan only.")] = False,
) -> None:
    """Measure models on devices: latency with its interval, sustained FPS, power, memory, and a trust grade.

    Example: edgebench run --device jetson-nano model.onnx --shape x=1x3x180x320
    """
    from edgebench.cli.measuring import Job, measure
    from edgebench.controller.planning import resolve_settings

    if flops_as not in ("macs", "flops"):
        raise UsageError(f"--flops-as takes macs or flops, not {flops_as!r}")
    if quick and publish:
        raise UsageError("--quick and --publish exclude each other")
    settings: Settings = resolve_settings(
        mode="quick" if quick else "publish" if publish else "default",
        invocations=invocations,
        min_time_s=min_time,
        max_time_s=max_time,
        soak_s=soak,
        target_fps=target_fps,
        power=power,
        memory=not no_memory,
        unplugged=unplugged,
    )
    options = _options(
        settings,
        variants=(backend, accelerator, precision, threads, batch),
        shape=shape,
        input_path=input,
        input_range=input_range,
        runtime_options=option,
        prepare=prepare,
        checks=(reference, min_psnr, require_delegated, power_csv),
        notes=(name, label, note, parent),
        tags=tag,
        quality=quality,
        frames=frames_per_inference,
        calibration=calibration,
    )
    job: Job = Job(
        models=[Path(model) for model in models],
        devices=device,
        options=options,
        store=store,
        json=json,
        samples=samples,
        dry_run=dry_run,
        detach=detach,
        allow_reboot=allow_reboot,
        flops_as=flops_as,
    )
    raise typer.Exit(measure(job))


def _options(
    settings: Settings,
    *,
    variants: tuple[str | None, ...],
    shape: Texts,
    input_path: str | None,
    input_range: str | None,
    runtime_options: Texts,
    prepare: Texts,
    checks: tuple[str | None, float, str | None, str | None],
    notes: tuple[str | None, ...],
    tags: Texts,
    quality: Texts,
    frames: int,
    calibration: str | None,
) -> RunOptions:
    from edgebench.artifacts.shapes import parse_shape
    from edgebench.controller.requests import RunOptions

    backend, accelerator, precision, threads, batch = variants
    reference, min_psnr, delegated, power_csv = checks
    name, label, note, parent = notes
    return RunOptions(
        settings=settings,
        backends=split_list(backend),
        accelerators=split_list(accelerator),
        precisions=split_list(precision) or [None],
        threads=split_ints(threads, "--threads") or [None],
        batches=split_ints(batch, "--batch") or (None,),
        shapes=once(shape, parse_shape, "--shape"),
        input=input_path,
        input_range=span(input_range, "--input-range"),
        options=pairs(runtime_options, "--option"),
        frames_per_inference=frames,
        name=name,
        label=label,
        note=note,
        parent=parent,
        tags=pairs(tags, "--tag"),
        quality=floats(pairs(quality, "--quality"), "--quality"),
        reference=reference,
        min_psnr=min_psnr,
        require_delegated=share(delegated, "--require-delegated"),
        power_csv=power_csv,
        prepare=pairs(prepare, "--prepare"),
        calibration=calibration,
    )
