"""Read checkpoints of transformers, by hub id or local path: configuration, weights, preprocessor, and a digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from preforget.core.errors import BackboneError
from preforget.core.files import read_regular
from preforget.core.paths import exists, shortened

WEIGHTS = "model.safetensors"
TIMM = "timm"
"""In the place of a `model_type`, for checkpoints in timm's layout."""
MAX_SETTINGS = 2**24
"""The largest settings file that is read."""

DAMAGE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError),
    *(SafetensorError, UnpicklingError),
)
"""What transformers' readers raise on damaged weights."""


def read_config(source: str, revision: str | None) -> Any:
    """Return the configuration of an architecture that transformers knows; raises `BackboneError` with a remedy."""
    from transformers import AutoConfig

    check_folder(source)
    try:
        # code that a checkpoint brings is never run, and nobody is asked whether to run it
        return AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(source, error) from None


def read_settings(source: str, revision: str | None) -> dict[str, Any]:
    """Return the values of `config.json`, with `_commit_hash` if it comes from the hub; raises `BackboneError`."""
    check_folder(source)
    try:
        if is_folder(source):
            values = json.loads((Path(source) / "config.json").read_text(encoding="utf-8"))
            if isinstance(values, dict):
                values.pop("_commit_hash", None)  # a folder can't say which commit it is
        else:
            from transformers import PretrainedConfig

            values, _ = PretrainedConfig.get_config_dict(source, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise _unreadable(source, error) from None
    if not isinstance(values, dict):
        raise BackboneError(f"config.json of {source!r} is damaged: it holds no settings")
    return values


def read_model_type(source: str, revision: str | None) -> str:
    """Return the `model_type` of a checkpoint's `config.json`, known to transformers or not; raises `BackboneError`.

    Checkpoints of timm have none: they name an `architecture`.
    """
    values = read_settings(source, revision)
    named = model_type_of(values)
    if named is None:
        raise BackboneError(f"config.json of {source!r} names no model_type, which tells the family")
    return named


def model_type_of(values: Mapping[str, Any]) -> str | None:
    """Return the family that a `config.json` names, `TIMM` for timm's, None for none."""
    named = values.get("model_type")
    if named is None and isinstance(values.get("architecture"), str):
        return TIMM
    return named if isinstance(named, str) else None


def is_folder(source: str) -> bool:
    """Return whether a backbone's name is a folder on this machine; otherwise it is an id on the hub."""
    return exists(Path(source)) and Path(source).is_dir()


def check_folder(source: str) -> None:
    """Raise `BackboneError` for a folder that is missing or holds no checkpoint; a hub id isn't checked yet."""
    folder = is_folder(source)
    if folder and not (Path(source) / "config.json").is_file():
        raise BackboneError(f"no config.json in {source}: a checkpoint folder of transformers has one")
    if source.startswith((".", "/", "~")) and not folder:
        raise BackboneError(f"backbone folder not found: {shortened(source)}")


def _unreadable(source: str, error: BaseException) -> BackboneError:
    return BackboneError(
        f"backbone {shortened(source)!r} can't be read as a folder or fetched from the hub: "
        f"{shortened(first_line(error), 200)}; give the path of a downloaded checkpoint, or use --backbone builtin"
    )


def read_weights(kind: Any, source: str, revision: str | None, **options: Any) -> nn.Module:
    """Return a transformers model of class `kind`, in float32, frozen; raises `BackboneError` if one is missing."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, report = kind.from_pretrained(
            source,
            revision=revision,
            output_loading_info=True,
            dtype=torch.float32,
            trust_remote_code=False,
            weights_only=True,
            **options,
        )
    except DAMAGE as error:
        raise BackboneError(f"weights of {source!r} can't be loaded: {first_line(error)}") from error
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()
    broken = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if broken:
        raise BackboneError(
            f"{source!r} lacks {len(broken)} tensors of its architecture, the first: {broken[0]}"
        )
    depth = getattr(model.config, "num_hidden_layers", None)
    if isinstance(depth, int) and (layers := layers_in(map(str, report["unexpected_keys"]))) > depth:
        raise other_depth(source, depth, layers)
    loaded: nn.Module = model.eval().requires_grad_(False)
    return loaded


def other_depth(source: str, depth: int, layers: int) -> BackboneError:
    """Return the error for a configuration of fewer layers than the weights have: some would go unused in silence."""
    return BackboneError(
        f"config.json of {source!r} says {depth} layers, and its weights have {layers}; take the config.json that "
        "belongs to the weights"
    )


def layers_in(names: Iterable[str]) -> int:
    """Return how many layers tensors are of, by their names.

    >>> layers_in(["layers.0.mlp.fc1.bias", "vit.encoder.layer.11.output.dense.bias", "pooler.dense.bias"])
    12
    """
    numbers = (match for name in names if (match := re.search(r"(?:^|\.)layers?\.(\d{1,6})\.", name)))
    return max((int(match[1]) + 1 for match in numbers), default=0)


def read_tensors(source: str, revision: str | None) -> dict[str, Tensor] | None:
    """Return the tensors of a checkpoint's safetensors files, one or several, or None if it has none.

    Raises `BackboneError` for damaged files. Nothing else is interpreted: safetensors files hold only numbers.
    """
    single = find_file(source, WEIGHTS, revision)
    index = None if single is not None else find_file(source, f"{WEIGHTS}.index.json", revision)
    if single is None and index is None:
        return None
    try:
        paths = [single]
        if index is not None:
            names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            paths = [find_file(source, Path(name).name, revision) for name in sorted(set(names))]
        tensors: dict[str, Tensor] = {}
        for path in paths:
            if path is None:
                raise FileNotFoundError("a file that its index names is missing")
            tensors.update(load_file(path))
    except DAMAGE as error:
        raise BackboneError(f"weights of {source!r} can't be loaded: {first_line(error)}") from error
    return tensors


def find_file(source: str, name: str, revision: str | None) -> Path | None:
    """Return the path of a checkpoint's file, None if it has no file of that name; raises `BackboneError`."""
    if is_folder(source):
        path = Path(source) / name
        return path if path.is_file() else None
    from transformers.utils.hub import cached_file

    try:
        cached = cached_file(source, name, revision=revision, _raise_exceptions_for_missing_entries=False)
    except OSError as error:
        raise _unreadable(source, error) from None
    return None if cached is None else Path(str(cached))


def read_preprocessor(source: str, revision: str | None) -> dict[str, Any]:
    """Return what `preprocessor_config.json` holds; a checkpoint without one is an error."""
    file = find_file(source, "preprocessor_config.json", revision)
    if file is None:
        raise BackboneError(f"{source!r} has no preprocessor_config.json")
    try:
        values = json.loads(read_regular(file, MAX_SETTINGS, follow=True))
    except (OSError, ValueError, RecursionError) as error:
        raise BackboneError(f"preprocessor_config.json of {source!r} is damaged: {error}") from None
    if not isinstance(values, dict):
        raise BackboneError(f"preprocessor_config.json of {source!r} is damaged: it holds no settings")
    return values


def weights_digest(model: nn.Module) -> str:
    """Return `sha256:<hex>` of names, shapes and values of all tensors."""
    total = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        total.update(f"{name}{tuple(tensor.shape)}".encode())
        total.update(tensor.contiguous().numpy().tobytes())
    return f"sha256:{total.hexdigest()}"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its type if it has no text.

    Of a pickle that isn't plain tensors torch would advise to run its code.
    """
    if isinstance(error, UnpicklingError):
        return "they are no plain tensors, and nothing else is read, since it could run code; give model.safetensors"
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
