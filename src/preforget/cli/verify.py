"""`preforget verify MODEL --against-retrain DATA`: is what is left what retraining gives?"""

from __future__ import annotations

import argparse

from preforget.cli.console import Console
from preforget.cli.options import Commands, add_command, add_data_options, add_model, load_model, read_data

VERIFICATION_FAILED = 3


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "verify",
        "compare a model with one retrained without what was forgotten",
        "Exit code 3 if a record or a bit of a score differs. Only the exact engine promises that none does.",
    )
    add_model(parser)
    parser.add_argument(
        "--against-retrain",
        metavar="DATA",
        dest="data",
        required=True,
        help="the data that the model was learned from; what it no longer knows is left out",
    )
    add_data_options(parser)
    parser.add_argument("--seed", type=int, help="of splits that are made (default: the model's)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Retrain, compare, and say equal or not."""
    model = load_model(args)
    data = read_data(args, model.engine.config.seed if args.seed is None else args.seed)
    from preforget.audit.certificate import certify

    found = certify(model, data.train, data.validation, progress=True)
    console.line(f"records     {found.records_equal} of {found.records} the same, bit for bit")
    if found.records_extra:
        console.line(f"            {found.records_extra} that the retrained model doesn't have")
    console.line(f"scores      largest difference {found.score_difference:g} on {found.images:,} images")
    console.line(f"confidence  largest difference {found.confidence_difference:g}")
    console.line(f"threshold   difference {found.threshold_difference:g}")
    if found.prompts_missing:
        console.line(
            f"            {found.prompts_missing} pair prompts were dropped with a subject: preforget refit"
        )
    console.line("EQUAL to retraining" if found.equal else "NOT EQUAL to retraining")
    console.result(
        {
            "model": str(args.model),
            "engine": model.engine.name,
            "guarantee": model.engine.guarantee.value,
            **found.as_dict(),
        }
    )
    return 0 if found.equal else VERIFICATION_FAILED
