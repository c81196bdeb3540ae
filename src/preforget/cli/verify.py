"""`preforget verify RECEIPT MODEL`, and `preforget verify MODEL --against-retrain DATA`."""

from __future__ import annotations

import argparse
from pathlib import Path

from preforget.cli.console import Console, note
from preforget.cli.options import (
    Commands,
    add_command,
    add_data_options,
    add_keyring,
    add_machine,
    add_public_keys,
    keyring,
    load_model,
    read_data,
)
from preforget.core.errors import IntegrityError, UsageError
from preforget.core.paths import given_path

VERIFICATION_FAILED = 3


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "verify",
        "check a receipt against a model, or a model against one retrained without what was forgotten",
        "Exit code 3 if a signature, a byte, a record or a bit of a score is not as it must be. That a model equals "
        "the retrained one is promised by the exact engine alone.",
    )
    parser.add_argument(
        "paths", metavar="PATH", type=Path, nargs="+", help="RECEIPT MODEL, or MODEL with --against-retrain"
    )
    add_public_keys(parser)
    parser.add_argument(
        "--against-retrain",
        metavar="DATA",
        dest="data",
        help="the data that the model was learned from; what it no longer knows is left out",
    )
    add_keyring(parser)
    parser.add_argument(
        "--backbone", metavar="PATH", help="where the model's checkpoint lies now, if it was moved"
    )
    add_machine(parser)
    add_data_options(parser)
    parser.add_argument(
        "--deep",
        action="store_true",
        help="search every byte for what was erased, also packs that are as written",
    )
    parser.add_argument("--seed", type=int, help="of splits that are made (default: the model's)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Do the one or the other."""
    count = 2 if args.data is None else 1
    if len(args.paths) != count:
        raise UsageError(
            "give RECEIPT MODEL, or MODEL --against-retrain DATA"
            if args.data is None
            else "--against-retrain compares one MODEL; give no receipt with it"
        )
    args.model = args.paths[-1]
    return verify_receipt(args, console) if args.data is None else verify_model(args, console)


def verify_receipt(args: argparse.Namespace, console: Console) -> int:
    """Check signature, schema, ledger and bytes, and say each."""
    from preforget.erasure.receipt import read_given
    from preforget.erasure.verify import trusted_keys, verify

    read_given(args.paths[0])  # a missing receipt is reported before a missing key
    ring = keyring(args)
    verification = verify(
        args.paths[0], given_path(args.model), trusted_keys(args.public_key, ring), ring, deep=args.deep
    )
    for check in verification.checks:
        console.line(f"{'passed' if check['passed'] else 'FAILED'}  {check['name']:10} {check['detail']}")
    for text in verification.skipped:
        console.line(f"skipped {text}")
    console.line("VERIFIED" if verification.passed else "NOT VERIFIED")
    if verification.passed:
        note("not claimed: " + " ".join(verification.receipt.not_claimed))
    console.result(verification.as_dict())
    if not verification.passed:
        failed = next(check for check in verification.checks if not check["passed"])
        raise IntegrityError(f"{args.paths[0]} does not hold for {args.model}: {failed['detail']}")
    return 0


def verify_model(args: argparse.Namespace, console: Console) -> int:
    """Retrain, compare, enter the result into the ledger, and say equal or not."""
    model = load_model(args)
    data = read_data(args, model.engine_.config.seed if args.seed is None else args.seed)
    from preforget.audit.certificate import certify

    certificate = certify(model, data.train, data.validation, progress=True)
    console.line(f"records     {certificate.records_equal} of {certificate.records} the same, bit for bit")
    if certificate.records_extra:
        console.line(f"            {certificate.records_extra} that the retrained model doesn't have")
    console.line(
        f"scores      largest difference {certificate.score_difference:g} on {certificate.images:,} images"
    )
    console.line(f"confidence  largest difference {certificate.confidence_difference:g}")
    console.line(f"threshold   difference {certificate.threshold_difference:g}")
    if certificate.prompts_missing:
        console.line(
            f"            {certificate.prompts_missing} pair prompts were dropped with a subject: preforget refit"
        )
    forgotten = len(model.folder.ledger.erased()) if model.folder is not None else 0
    if forgotten:
        console.line("EQUAL to retraining" if certificate.equal else "NOT EQUAL to retraining")
    elif certificate.equal:
        console.line(
            "EQUAL to retraining; nothing was forgotten in this folder, so this says nothing of forgetting"
        )
    else:
        console.line("NOT EQUAL to retraining, though nothing was forgotten in this folder")
    if model.folder is not None and model.folder.is_writable():
        model.folder.note_audit("against-retrain", certificate.equal, certificate.as_dict())
    else:
        note("the model can't be changed here, so this is not entered into its ledger")
    console.result(
        {
            "model": str(args.model),
            "engine": model.engine_.name,
            "guarantee": model.engine_.guarantee.value,
            "records_forgotten": forgotten,
            **certificate.as_dict(),
        }
    )
    return 0 if certificate.equal else VERIFICATION_FAILED
