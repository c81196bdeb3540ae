from __future__ import annotations

import pytest
import torch

from preforget.backbones.precision import choose_device, choose_dtype, dtype_name, for_cpu
from preforget.core.errors import UsageError


def test_auto_is_a_device_that_is_there() -> None:
    device = choose_device("auto")
    assert torch.zeros(1, device=device).device.type == device.type


def test_the_cpu_by_name() -> None:
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["toaster", "", "cuda:x"])
def test_an_unknown_device(name: str) -> None:
    with pytest.raises(UsageError, match="unknown device"):
        choose_device(name)


@pytest.mark.parametrize("name", ["meta", "xpu", "cuda:99"])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(UsageError, match="is not available on this machine"):
        choose_device(name)


@pytest.mark.parametrize(
    ("amx", "avx", "wanted"),
    [
        (False, False, torch.float32),
        (True, False, torch.bfloat16),
        (False, True, torch.bfloat16),
        (True, True, torch.bfloat16),
    ],
)
def test_bfloat16_where_a_cpu_multiplies_it(amx: bool, avx: bool, wanted: torch.dtype) -> None:
    assert for_cpu(amx=amx, avx=avx) == wanted


def test_formats_by_name() -> None:
    cpu = torch.device("cpu")
    assert choose_dtype("float32", cpu) == torch.float32
    assert choose_dtype("bfloat16", cpu) == torch.bfloat16
    assert choose_dtype("auto", cpu) in (torch.float32, torch.bfloat16)
    assert choose_dtype("auto", torch.device("mps")) == torch.float32


@pytest.mark.parametrize("name", ["float16", "Float32", ""])
def test_an_unknown_format(name: str) -> None:
    with pytest.raises(UsageError, match="choose auto, float32 or bfloat16"):
        choose_dtype(name, torch.device("cpu"))


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_names_go_there_and_back(name: str) -> None:
    assert dtype_name(choose_dtype(name, torch.device("cpu"))) == name
