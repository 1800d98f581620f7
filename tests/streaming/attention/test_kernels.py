"""The fast kernel against plain arithmetic, and reading without it."""

from __future__ import annotations

import pytest
import torch

from streaming.attention import kernels
from streaming.policy import Policy
from streaming.stream import open_stream
from tests.support import tiny

TOLERANCE = 1e-4
NAMES = ("llama", "llama-grouped", "smollm3", "gpt_neox", "gemma2", "gemma3_text")


def example(dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    """Six heads that share two of keys, eleven queries over twenty keys of which each sees its own nine: on the CPU."""
    generator = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(2, h, n, 16, generator=generator) for h, n in ((6, 11), (2, 20), (2, 20)))
    i, j = torch.arange(11)[:, None], torch.arange(20)
    mask = torch.zeros(11, 20).masked_fill_((j > i + 9) | (j < i), float("-inf"))[None, None]
    return query.to(dtype), key.to(dtype), value.to(dtype), mask.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_is_used_here_gives_what_the_definition_gives(dtype: torch.dtype) -> None:
    query, key, value, mask = example(dtype)
    wide_key, wide_value = (x.double().repeat_interleave(3, dim=1) for x in (key, value))
    scores = query.double() @ wide_key.transpose(-1, -2) * 0.3 + mask.double()
    out, lse = kernels.attend(query, key, value, mask, 0.3)
    tolerance = 1e-5 if dtype == torch.float32 else 3e-2
    assert torch.allclose(out.double(), scores.softmax(-1) @ wide_value, atol=tolerance)
    assert torch.allclose(lse.double(), scores.logsumexp(-1), atol=tolerance)


def without_the_mask(query, key, value, mask, scale):
    return kernels.plain(query, key, value, None, scale)


def with_another_base(query, key, value, mask, scale):
    out, lse = kernels.plain(query, key, value, mask, scale)
    return out, lse / torch.tensor(2.0).log()


def that_is_not_there(query, key, value, mask, scale):
    return torch.ops.aten._scaled_dot_product_of_another_version(query)


@pytest.mark.parametrize("kernel", [without_the_mask, with_another_base, that_is_not_there])
def test_a_kernel_that_is_wrong_or_missing_is_not_used(kernel) -> None:
    assert not kernels._is_right(kernel, torch.float32)


@pytest.mark.parametrize("name", NAMES)
def test_reading_without_the_fast_kernel_is_as_exact(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, ids, policy = tiny.load(name), tiny.ids(300), Policy(kind="sinks", sinks=4, recent=60)
    ours = open_stream(loaded, policy, chunk=100).read(ids)
    monkeypatch.setattr(kernels, "_is_right", lambda kernel, dtype: False)
    plain = open_stream(loaded, policy, chunk=100).read(ids)
    assert float((ours - plain)[1:].abs().max()) < TOLERANCE
    assert float((open_stream(loaded, policy, chunk=1).read(ids) - plain)[1:].abs().max()) < TOLERANCE
