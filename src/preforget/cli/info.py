"""`preforget info MODEL`: what a model is and what happened to it, without names of classes or persons."""

from __future__ import annotations

import argparse

from preforget.cli.console import Console, printable
from preforget.cli.options import Commands, add_command, add_folder, read_model_folder

CHANGES = 5
"""Rows of the ledger that are shown."""


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "info",
        "say what a model is: engine, guarantee, encoder, counts, copies and last changes",
        "No name of a class or a person is printed. The backbone is not needed.",
    )
    add_folder(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print one line per property, and the last rows of the ledger."""
    from preforget.backbones.licence import licence_of
    from preforget.erasure.plan import engine_of

    folder, records = read_model_folder(args)
    manifest = folder.manifest
    live = {record.label for record in records if record.partner is None and record.label}
    detached = {record.label for record in records if record.id in set(manifest.detached) and record.label}
    persons = {record.subject for record in records if record.subject is not None}
    encoder = manifest.backbone
    licence = encoder.get("licence") or licence_of(str(encoder["id"]), encoder.get("revision"))
    copies = [
        {"kind": copy["kind"], "expires": copy["expires"], "delete": copy["delete"]}
        for copy in manifest.copies.values()
    ]
    changes = list(folder.ledger.entries())[-CHANGES:]
    kind = engine_of(folder)
    lacks = list(
        kind.lacks({**kind.options_type.older.get(manifest.format, {}), **manifest.options}, records)
    )
    result = {
        "model": str(args.model),
        "id": manifest.model,
        "format": manifest.format,
        "version": manifest.version,
        "engine": manifest.engine,
        "guarantee": manifest.guarantee,
        "encoder": {
            "id": encoder["id"],
            "architecture": encoder.get("architecture"),
            "revision": encoder.get("revision"),
            "digest": encoder.get("digest"),
            "dtype": encoder.get("dtype"),
            "licence": licence,
        },
        "lacks": lacks,
        "keep": manifest.keep,
        "keep_by_class": len({r.label for r in records if r.id in manifest.keeps}),
        "classes": len(live),
        "detached": len(detached),
        "persons": len(persons),
        "records": len(records),
        "sealed": manifest.sealed,
        "copies": copies,
        "changes": [{"seq": row.seq, "time": row.time, "event": row.event} for row in changes],
    }
    known = f"{len(live)} classes" + (f", {len(detached)} of them detached" if detached else "")
    single = result["keep_by_class"]
    other_shares = f"; {single} classes have shares of their own" if single else ""
    lines = {
        "model": printable(str(args.model)),
        "format": f"{manifest.format}, written by preforget {manifest.version or 'of an unknown version'}",
        "engine": f"{manifest.engine}; forgetting is {manifest.guarantee}",
        "encoder": f"{printable(str(encoder['id']))}, {encoder.get('dtype')}; licence: {printable(licence)}",
        "keep": f"{manifest.keep:g} of known inputs are to be answered{other_shares}",
        "holds": f"{known}, {len(persons)} persons, in {len(records)} records",
        "sealed": "yes, each record with a key of its own" if manifest.sealed else "no",
        "copies": ", ".join(sorted(str(copy["kind"]) for copy in copies)) or "none known",
    }
    for name, text in lines.items():
        console.line(f"{name:9}  {text}")
    for sentence in lacks:
        console.line(f"{'until':9}  upgrade and refit DATA: {sentence}")
    for number, row in enumerate(changes):
        console.line(f"{'changes' if not number else '':9}  {row.seq:5}  {row.time}  {row.event}")
    console.result(result)
    return 0
