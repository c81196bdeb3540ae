"""The device and the number format in which a backbone computes."""

from __future__ import annotations

import torch

from preforget.core.errors import UsageError

_FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def choose_device(name: str = "auto") -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda`, `cuda:1` or `mps`; raises `UsageError` if it isn't available."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device {name!r}; choose auto, cpu, cuda, cuda:<n> or mps") from None
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(device.type, False):
        raise UsageError(f"device {name!r} is not available on this machine; use --device cpu or auto")
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the number format for `auto`, `float32` or `bfloat16`.

    `auto` is bfloat16 if the hardware multiplies bfloat16 matrices natively (CUDA from Ampere on, CPUs with AMX or
    AVX512_BF16), float32 elsewhere.
    """
    if name in _FORMATS:
        return _FORMATS[name]
    if name != "auto":
        raise UsageError(f"unknown dtype {name!r}; choose auto, float32 or bfloat16")
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu":
        return for_cpu(amx=torch.cpu._is_amx_tile_supported(), avx=torch.cpu._is_avx512_bf16_supported())
    return torch.float32


def for_cpu(*, amx: bool, avx: bool) -> torch.dtype:
    """Return the format for a CPU; `amx`: it has matrix tiles, `avx`: AVX512_BF16. Either multiplies bfloat16."""
    return torch.bfloat16 if amx or avx else torch.float32


def dtype_name(dtype: torch.dtype) -> str:
    """Return `float32` or `bfloat16`."""
    return str(dtype).removeprefix("torch.")
