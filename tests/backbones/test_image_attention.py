from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from preforget.backbones import image_attention


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape) + shape[-2]))


def test_by_hand() -> None:
    q = torch.tensor([[[[2.0]]]])
    keys, values = torch.tensor([[[[0.0], [1.0]]]]), torch.tensor([[[[10.0], [20.0]]]])
    out, total = image_attention.attend(q, keys, values)
    one, e2 = torch.ones(()), torch.tensor(2.0).exp()
    assert out.item() == pytest.approx(((10 + 20 * e2) / (one + e2)).item())
    assert total.item() == pytest.approx((one + e2).log().item())


@pytest.mark.parametrize("padded", [False, True])
def test_parts_merge_to_the_whole_of_the_library(padded: bool) -> None:
    q, keys, values = drawn(2, 3, 5, 8), drawn(2, 3, 11, 8), drawn(2, 3, 11, 8) + 1
    seen = torch.ones(2, 1, 1, 11, dtype=torch.bool)
    if padded:
        seen[0, ..., 4:], seen[1, ..., :7] = False, False  # in either part one input sees nothing
    wanted = F.scaled_dot_product_attention(q, keys, values, attn_mask=seen)
    parts = [slice(0, 4), slice(4, 11)]
    outs, totals = zip(
        *(image_attention.attend(q, keys[:, :, p], values[:, :, p], seen[..., p]) for p in parts),
        strict=True,
    )
    shares = torch.softmax(torch.stack(totals), dim=0).unsqueeze(-1)
    assert torch.allclose((shares * torch.stack(outs)).sum(dim=0), wanted, atol=1e-6)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_are_those_of_the_formula(padded: bool, dtype: torch.dtype) -> None:
    keys, values = drawn(2, 3, 11, 8).to(dtype), (drawn(2, 3, 11, 8) + 1).to(dtype)
    seen = torch.ones(2, 1, 1, 11, dtype=torch.bool)
    seen[0, ..., 4:] = not padded
    found = []
    for frozen in (True, False):
        q = drawn(2, 3, 5, 8).to(dtype).requires_grad_()
        of_image = keys.clone().requires_grad_(not frozen)
        out, total = image_attention.attend(q, of_image, values, seen if padded else None)
        torch.autograd.backward((out.float() ** 2).sum() + (total**3).sum())
        assert q.grad is not None
        found.append(q.grad.float())
        assert (of_image.grad is None) == frozen
    assert (found[0] - found[1]).abs().max() < (1e-5 if dtype == torch.float32 else 0.03) * found[
        1
    ].abs().max()
