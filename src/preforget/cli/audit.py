"""`preforget audit MODEL --data DATA --forget LABEL`: attack what is left after forgetting, beside retrained models."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from preforget.audit.attacks.order import ORDER
from preforget.cli.console import Console, Interrupted, note, printable
from preforget.cli.elsewhere import add_on, executor_of, listed
from preforget.cli.options import (
    Commands,
    add_command,
    add_data_options,
    add_force,
    add_model,
    load_model,
    read_data,
)
from preforget.core.errors import StoreError
from preforget.core.files import make_private
from preforget.core.paths import given_path
from preforget.core.targets import check_target, write_target

if TYPE_CHECKING:
    from preforget.audit.result import AuditResult, Measure

MISSED = 4
WORK = "work"
REPORT, PAGE = "audit.json", "audit.html"


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "audit",
        "attack what is left after forgetting, beside models that never saw the class",
        "The model stays as it is: a copy forgets. After an interruption the same command continues. Exit code 4 if "
        "a measure differs from retraining by more than its margin.",
    )
    add_model(parser)
    parser.add_argument(
        "--data",
        metavar="DATA",
        required=True,
        help="the data that the model was learned from, forgotten classes included",
    )
    parser.add_argument(
        "--forget",
        metavar="LABEL",
        nargs="+",
        required=True,
        help="classes to forget for the audit, or that the model has forgotten already",
    )
    parser.add_argument(
        "--suite", default="quick", help="quick, standard or full: how much is tried (default: quick)"
    )
    parser.add_argument(
        "--attacks",
        metavar="NAME",
        nargs="+",
        help=f"only these: {', '.join(ORDER)}, or an extension's (default: those of the suite)",
    )
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="models of each kind (quick: 1, standard: 3, full: 5)"
    )
    parser.add_argument(
        "--shadows",
        type=int,
        metavar="N",
        help="models to learn for attacks with shadow models, such as lira (16 if one is run)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the report (default: MODEL.audit beside the model)",
    )
    names = parser.add_mutually_exclusive_group()
    names.add_argument(
        "--hide-labels",
        action="store_true",
        help="write numbers instead of class names into the report (default for a sealed model)",
    )
    names.add_argument(
        "--show-labels", action="store_true", help="write class names into the report of a sealed model"
    )
    add_force(parser)
    parser.add_argument(
        "--strict", action="store_true", help="exit code 4 also for measures that remain undecided"
    )
    add_on(parser)
    parser.add_argument("--seed", type=int, help="of splits that are made (default: the model's)")
    add_data_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Audit, write the report, enter the result into the ledger."""
    from preforget.audit.chosen import chosen_attacks
    from preforget.audit.run import audit

    chosen_attacks(args.attacks, args.suite, args.shadows)  # refuses names before anything is loaded
    model = load_model(args)
    data = read_data(args, model.engine_.config.seed if args.seed is None else args.seed)
    from preforget.audit.report.page import page
    from preforget.audit.result import hide_labels
    from preforget.audit.work_place import end_work
    from preforget.core.canonical import canonical_json

    report_folder = _place(args)
    work = report_folder / WORK
    for name in (REPORT, PAGE):  # an audit that was interrupted at its end continues
        check_target(report_folder / name, force=args.force or work.is_dir())
    sealed = model.folder is not None and model.folder.manifest.sealed
    note(
        f"until the audit is done, {work} holds models that know what is to be forgotten"
        f"{', encrypted' if sealed else ''}; it is deleted then"
    )
    executor = executor_of(args)
    try:
        with listed(executor, model.folder):
            result = audit(
                model,
                data,
                args.forget,
                suite=args.suite,
                seeds=args.seeds,
                work=work,
                attacks=args.attacks,
                shadows=args.shadows,
                executor=executor,
                cache_dir=args.cache_dir,
                command=_command(args),
                show=True,
            )
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; repeat the command to go on, or delete {work}") from None
    if args.hide_labels or (sealed and not args.show_labels):
        result = hide_labels(result)
    write_target(report_folder / REPORT, canonical_json(result.as_dict()) + b"\n", force=True)
    write_target(report_folder / PAGE, page(result).encode(), force=True)
    passed = result.passed and not (args.strict and result.undecided)
    if model.folder is not None and model.folder.is_writable():
        model.folder.note_audit(f"attacks-{args.suite}", passed, result.as_dict())
    else:
        note("the model can't be changed here, so this is not entered into its ledger")
    end_work(work, model)
    _show(result, console)
    console.line(f"report     {printable(str(report_folder / PAGE))}")
    console.result({"report": str(report_folder / PAGE), **result.as_dict(), "passed": passed})
    return 0 if passed else MISSED


def _place(args: argparse.Namespace) -> Path:
    """Return the folder of the report, made if it doesn't exist."""
    model = Path(os.path.abspath(given_path(args.model)))  # noqa: PTH100 - resolve() would follow a link
    report_folder: Path = model.with_name(f"{model.name}.audit") if args.out is None else given_path(args.out)
    try:
        make_private(report_folder)
    except OSError as error:
        raise StoreError(f"{report_folder} can't be written: {error.strerror or error}") from error
    return report_folder


def _command(args: argparse.Namespace) -> str:
    """Return the command that repeats this, without options of this machine."""
    words = ["preforget", "audit", str(args.model), "--data", str(args.data), "--forget", *args.forget]
    words += ["--suite", args.suite]
    for name in ("seeds", "attacks", "shadows", "size", "subjects", "fold", "folds", "seed"):
        value = getattr(args, name)
        if value is not None and (name, value) != ("size", 28):
            words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    words += [word for column in args.column or () for word in ("--column", column)]
    return shlex.join(words)


def _show(result: AuditResult, console: Console) -> None:
    """Print one line for each judged measure, or for each that is only shown if none is judged."""
    judged = [measure for measure in result.measures if measure.verdict != "shown"]
    width = max((len(_name(measure)) for measure in judged), default=0)
    console.line(f"{'':{width}}  unlearned  retrain      gap  verdict")
    for measure in judged:
        values = (_mean(measure.unlearned), _mean(measure.retrain), measure.gap or 0.0)
        console.line(
            f"{_name(measure):{width}}  {values[0]:9.3f}  {values[1]:7.3f}  {values[2]:+7.3f}  {measure.verdict}"
        )
    if not judged:
        for measure in result.measures:
            console.line(
                f"{_name(measure)}: {_mean(measure.original):.3f}, of the model as it is; not judged"
            )
    console.line(
        f"{len(judged)} measures: {sum(m.verdict == 'equivalent' for m in judged)} equivalent to retraining, "
        f"{len(result.missed)} different, {len(result.undecided)} undecided with {_seeds(result)}"
    )


def _seeds(result: AuditResult) -> str:
    return "1 seed" if len(result.seeds) == 1 else f"{len(result.seeds)} seeds"


def _name(measure: Measure) -> str:
    return f"{measure.attack}: {measure.title}"


def _mean(values: list[float | None] | None) -> float:
    known = [value for value in values or [] if value is not None]
    return sum(known) / len(known) if known else float("nan")
