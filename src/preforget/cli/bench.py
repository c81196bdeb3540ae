"""`preforget bench MATRIX`: compare engines and methods on several data sets, as tables and a page."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preforget.cli.console import Console, Interrupted, note, printable
from preforget.cli.elsewhere import add_on
from preforget.cli.options import Commands, add_command, add_force, add_keyring, keyring
from preforget.core.errors import UsageError
from preforget.core.paths import given_path

if TYPE_CHECKING:
    from preforget.benchmark.context import Context
    from preforget.benchmark.matrix import Matrix

FILES = "results.json, results.csv, results.md, results.html"


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "bench",
        "compare the engines with retraining and with every method of unlearning after the fact",
        f"Writes {FILES} into a folder. Finished cells stay there: after an interruption, or on another machine "
        "that shares the folder, the same command continues with the others.",
    )
    parser.add_argument("matrix", metavar="MATRIX", help="quick, paper, or a TOML file")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of results (default: bench-NAME)")
    parser.add_argument(
        "--data", metavar="NAME=PATH", action="append", default=[], help="path of a data set, repeatable"
    )
    parser.add_argument(
        "--backbone",
        metavar="[NAME=]ID",
        action="append",
        default=[],
        help="backbone of all image sets, or of the data set NAME, repeatable",
    )
    parser.add_argument("--image-size", type=int, metavar="N", help="pixels, of all image sets")
    parser.add_argument("--seeds", type=int, metavar="N", help="use seeds 0 to N - 1")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: one per core, one on a GPU)"
    )
    add_on(parser, workers=False)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:<n> or mps (default: auto)")
    parser.add_argument("--data-dir", metavar="DIR", type=Path, help="where downloads are kept")
    parser.add_argument("--no-download", action="store_true", help="use only what is there already")
    parser.add_argument(
        "--cache-dir", metavar="DIR", type=Path, help="keep hidden states in files there, not in memory"
    )
    add_force(parser)
    parser.add_argument(
        "--seal",
        action="store_true",
        help="encrypt cells and models with a key in the keyring, which whoever shares the folder needs",
    )
    add_keyring(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--estimate", action="store_true", help="say how long it takes and what memory, and end")
    how.add_argument("--no-estimate", action="store_true", help="begin at once")
    how.add_argument("--only-tables", action="store_true", help="write tables of what is done, and end")
    how.add_argument(
        "--discard",
        action="store_true",
        help="delete cells and models, with their key, and keep the tables; then end",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Finish a matrix and write its tables."""
    from preforget.backbones.precision import choose_device
    from preforget.benchmark.bench import begin_results
    from preforget.benchmark.context import begin
    from preforget.benchmark.run import run as run_matrix
    from preforget.benchmark.sealed_folder import discard_cells, folder_key
    from preforget.jobs.places import executor_on

    matrix = _matrix(args)
    results_folder = given_path(args.out or f"bench-{matrix.name}")
    on_cpu = choose_device(args.device).type == "cpu"
    here = args.on in (None, "processes")
    executor = executor_on(args.on, args.workers if on_cpu or args.workers or not here else 1)
    if args.discard:
        discard_cells(results_folder, lambda: keyring(args))
        console.line(f"removed    cells and models in {printable(str(results_folder))}")
        console.result({"folder": str(results_folder)})
        return 0
    begin_results(results_folder, force=args.force)
    context = begin(
        matrix,
        results_folder,
        device=args.device,
        data_dir=args.data_dir,
        download=not args.no_download,
        cache_dir=args.cache_dir,
        workers=executor.workers,
        lock=folder_key(results_folder, lambda: keyring(args), seal=args.seal),
    )
    for name in context.left_out:
        note(f"{name} is left out; give its path with --data {name}=PATH")
    if args.estimate or not (args.no_estimate or args.only_tables or args.matrix == "quick"):
        estimated = _estimate(context)
        if args.estimate:
            console.result(estimated)
            return 0
    if not args.only_tables:
        try:
            run_matrix(context, executor, show=True)
        except KeyboardInterrupt:
            raise Interrupted("interrupted; repeat the command to go on") from None
    _write(context, results_folder, _command(args), console)
    return 0


def _matrix(args: argparse.Namespace) -> Matrix:
    from preforget.benchmark.matrix import overridden
    from preforget.benchmark.matrix_file import SHIPPED, read_matrix

    data = {}
    for text in args.data:
        name, separator, path = text.partition("=")
        if not (name and separator and path):
            raise UsageError(f"--data {text!r} must be NAME=PATH")
        data[name] = path
    return overridden(
        read_matrix(SHIPPED.get(args.matrix, Path(args.matrix))),
        data=data,
        backbone=args.backbone,
        image_size=args.image_size,
        seeds=args.seeds,
    )


def _estimate(context: Context) -> dict[str, Any]:
    from preforget.benchmark.estimate import estimate

    note("estimating; this learns from a few inputs with every engine")
    expected = estimate(context)
    hours, memory = expected.seconds / 3600, expected.process_bytes / 1e9
    duration = f"{expected.seconds:.0f} s" if expected.seconds < 600 else f"{hours:.1f} hours"
    note(
        f"about {duration} for {expected.tasks} tasks in {context.workers} processes, "
        f"each up to {memory:.1f} GB of memory"
        + (f" and {expected.device_bytes / 1e9:.1f} GB of the GPU's" if expected.device_bytes else "")
    )
    return {
        "seconds": expected.seconds,
        "process_bytes": expected.process_bytes,
        "device_bytes": expected.device_bytes,
        "tasks": expected.tasks,
        "by_data": expected.by_data,
    }


def _write(context: Context, results_folder: Path, command: str, console: Console) -> None:
    from preforget.benchmark.bench import write_results
    from preforget.benchmark.headlines import summary
    from preforget.benchmark.tables import as_dict, results_of

    results = results_of(context)
    write_results(results, results_folder, command)
    overview = summary(results)
    for sentence in overview.sentences:
        console.line(sentence)
    for grid in overview.grids:
        console.line(f"\n{grid.title}")
        widths = [max(map(len, column)) for column in zip(grid.head, *grid.rows, strict=True)]
        for row in (grid.head, *grid.rows):
            console.line(
                "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            )
    if results.missing:
        console.line(f"{results.missing} cells are not done yet; repeat the command without --only-tables")
    console.line(f"results    {printable(str(results_folder / 'results.html'))}")
    console.result({"folder": str(results_folder), **asdict(overview), **as_dict(results)})


def _command(args: argparse.Namespace) -> str:
    """Return the command that repeats this, without options of this machine."""
    words = ["preforget", "bench", args.matrix]
    for name in ("data", "backbone"):
        for text in getattr(args, name):
            words += [f"--{name}", text]
    for name in ("image_size", "seeds"):
        if getattr(args, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    return shlex.join(words)
