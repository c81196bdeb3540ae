"""`preforget serve MODEL...`: answer over HTTP, and forget."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from preforget.cli.console import Console, note, printable
from preforget.cli.options import Commands, add_command, add_keyring, add_machine, keyring
from preforget.core.errors import UsageError


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Enter the command."""
    parser = add_command(
        commands,
        "serve",
        "answer over HTTP, forget on request, and show a page",
        "Speaks the Open Inference Protocol v2 below /v2 and its own interface below /api/v1. Needs the extra: "
        "pip install 'preforget[serve]'.",
    )
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        type=Path,
        help="model folder, or NAME=FOLDER; several are one service",
    )
    add_keyring(parser)
    parser.add_argument("--backbone", metavar="PATH", help="path of the models' checkpoint, if it was moved")
    add_machine(parser)
    parser.add_argument(
        "--data", metavar="DATA", help="what the models were learned from, for audits and evaluations"
    )
    where = parser.add_argument_group("where")
    where.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    where.add_argument("--port", type=int, default=8080, help="port to listen on, 0 for any (default: 8080)")
    where.add_argument(
        "--host-name",
        metavar="NAME",
        action="append",
        default=[],
        help="a name that the service is called by, besides those of this machine; may be repeated",
    )
    where.add_argument(
        "--certificate", metavar="FILE", type=Path, help="certificate for TLS, with its chain (PEM)"
    )
    where.add_argument("--key", metavar="FILE", type=Path, help="private key of the certificate (PEM)")
    where.add_argument(
        "--insecure", action="store_true", help="listen on other addresses without tokens or without TLS"
    )
    who = parser.add_argument_group("who may what")
    who.add_argument(
        "--tokens",
        metavar="FILE",
        type=Path,
        help="file of tokens, made with: preforget tokens add FILE ROLE",
    )
    who.add_argument(
        "--oidc-issuer",
        metavar="URL",
        help="take JWTs of this issuer, too (extra: pip install 'preforget[oidc]')",
    )
    who.add_argument("--oidc-audience", metavar="NAME", help="the audience that its tokens must state")
    who.add_argument(
        "--oidc-keys", metavar="FILE|URL", help="its public keys, a JWK set; by https, or from this machine"
    )
    who.add_argument(
        "--oidc-role-claim",
        metavar="NAME",
        default="preforget_role",
        help="the claim that holds the role or roles, dots lead inwards (default: preforget_role)",
    )
    who.add_argument(
        "--rate", metavar="N", type=float, help="requests for answers per second of one caller (default: any)"
    )
    told = parser.add_argument_group("what answers tell")
    told.add_argument("--top-k", metavar="N", type=int, help="only the N most probable classes of each input")
    told.add_argument("--labels-only", action="store_true", help="only labels, no number")
    told.add_argument(
        "--round", metavar="DIGITS", type=int, dest="decimals", help="round numbers to so many decimals"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--rows", metavar="N", type=int, default=8, help="inputs per batch (default: 8)")
    limits.add_argument(
        "--most-inputs", metavar="N", type=int, default=256, help="inputs per request (default: 256)"
    )
    limits.add_argument("--most-mib", metavar="N", type=int, default=32, help="MiB per request (default: 32)")
    limits.add_argument(
        "--drain",
        metavar="SECONDS",
        type=float,
        default=30,
        help="time for requests to end after SIGTERM (default: 30)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    check(args)
    try:
        from preforget.serve.making import make_service
        from preforget.serve.server import Address
        from preforget.serve.server import run as serve
        from preforget.serve.settings import LOOPBACK, Settings
        from preforget.serve.tokens import Tokens
        from preforget.serve.tracing import make_tracing
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("preforget"):
            raise
        raise UsageError(
            f"a service needs more libraries ({error.name} is missing); run: pip install 'preforget[serve]'"
        ) from None
    address = Address(args.host, args.port, args.certificate, args.key)
    has_tokens = args.tokens is not None or args.oidc_issuer is not None
    address.check(has_tokens=has_tokens, insecure=args.insecure)
    names = [args.host.lower()] if args.host not in ("0.0.0.0", "::") else []
    settings = Settings(
        rows=args.rows,
        top_k=args.top_k,
        labels_only=args.labels_only,
        decimals=args.decimals,
        rate=args.rate,
        most_body=args.most_mib * 2**20,
        most_inputs=args.most_inputs,
        drain=args.drain,
        hosts=tuple({*LOOPBACK, *names, *(name.lower() for name in args.host_name)}),
        open_reading=not has_tokens,
    )
    tokens = Tokens(args.tokens)
    service = make_service(
        args.models,
        tokens,
        settings,
        args.data,
        issuer=issuer_of(args),
        tracing=make_tracing(),
        keyring=keyring(args),
        backbone=args.backbone,
        device=args.device,
        dtype=args.dtype,
    )
    secret = None if has_tokens else tokens.add("officer", "for this run")

    def listening(port: int) -> None:
        url = Address(args.host, port, args.certificate, args.key).url
        for name in service.models:
            console.line(f"{name:20} {url}/v2/models/{name}")
        if secret is not None:
            note(
                "preforget: no --tokens: who can reach this address may read what the model knows and ask it without a "
                "token. Forgetting needs one; this one is good until the service ends:"
            )
            console.line(f"token                {secret}")
        console.line(f"serving              {printable(url)}")
        console.result({"url": url, "models": [*service.models], "token": secret})

    serve(service, address, listening)
    return 0


def issuer_of(args: argparse.Namespace) -> Any:
    """Return whose JWTs are taken, None for nobody's; raises `UsageError`."""
    if args.oidc_issuer is None:
        return None
    try:
        from preforget.serve.oidc import Issuer
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("preforget"):
            raise
        raise UsageError(
            f"JWTs need {error.name}, which is missing; run: pip install 'preforget[oidc]'"
        ) from None
    return Issuer(args.oidc_issuer, args.oidc_audience, args.oidc_keys, args.oidc_role_claim)


def check(args: argparse.Namespace) -> None:
    """Raise `UsageError` for numbers that can't be used."""
    least = {"rows": 1, "most_inputs": 1, "most_mib": 1, "top_k": 1, "decimals": 0, "drain": 0}
    for name, low in least.items():
        value = getattr(args, name)
        if value is not None and value < low:
            option = "--round" if name == "decimals" else f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is {value}; it must be at least {low}")
    if args.rate is not None and args.rate <= 0:
        raise UsageError(f"--rate is {args.rate}; it must be more than 0")
    if not 0 <= args.port < 65536:
        raise UsageError(f"--port is {args.port}; ports are between 0 and 65535")
    if len({value is None for value in (args.oidc_issuer, args.oidc_audience, args.oidc_keys)}) > 1:
        raise UsageError("--oidc-issuer, --oidc-audience and --oidc-keys go together")
    if (args.certificate is None) != (args.key is None):
        raise UsageError("--certificate and --key go together")
