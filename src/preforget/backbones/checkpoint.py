"""Read checkpoints of transformers, by hub id or local path: configuration, weights, preprocessor, and a digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from preforget.core.errors import BackboneError
from preforget.core.paths import exists, shortened

DAMAGE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError),
    *(SafetensorError, UnpicklingError),
)
"""What transformers' readers raise on damaged weights."""


def read_config(source: str, revision: str | None) -> Any:
    """Return transformers' configuration of an architecture that it knows; raises `BackboneError` with a remedy."""
    from transformers import AutoConfig

    _check_folder(source)
    try:
        return AutoConfig.from_pretrained(source, revision=revision)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(source, error) from None


def read_model_type(source: str, revision: str | None) -> str:
    """Return the `model_type` of a checkpoint's `config.json`, known to transformers or not; raises `BackboneError`."""
    from transformers import PretrainedConfig

    _check_folder(source)
    try:
        values, _ = PretrainedConfig.get_config_dict(source, revision=revision)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(source, error) from None
    named = values.get("model_type") if isinstance(values, dict) else None
    return str(read_config(source, revision).model_type if named is None else named)


def _check_folder(source: str) -> None:
    path = Path(source)
    is_folder = exists(path) and path.is_dir()
    if is_folder and not (path / "config.json").is_file():
        raise BackboneError(f"no config.json in {source}: a checkpoint folder of transformers has one")
    if source.startswith((".", "/", "~")) and not is_folder:
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
            source, revision=revision, output_loading_info=True, dtype=torch.float32, **options
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
    loaded: nn.Module = model.eval().requires_grad_(False)
    return loaded


def read_preprocessor(source: str, revision: str | None) -> dict[str, Any]:
    """Return what `preprocessor_config.json` holds; a checkpoint without one is an error."""
    from transformers.utils.hub import cached_file

    try:
        file = cached_file(source, "preprocessor_config.json", revision=revision)
    except OSError as error:
        raise BackboneError(f"{source!r} has no preprocessor_config.json: {first_line(error)}") from None
    try:
        values = json.loads(Path(str(file)).read_text(encoding="utf-8"))
    except ValueError as error:
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
    """Return the first line of an error's text, or its type where it has none."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
