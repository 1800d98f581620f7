"""Rotations by a difference of positions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from streaming.attention.rotary import Rotary, rotate
from tests.support import tiny

INV_FREQ = 10_000.0 ** -(torch.arange(0, 8, 2) / 8)
places = st.integers(-4_000_000, 4_000_000)


def turned(x: torch.Tensor, by: int) -> torch.Tensor:
    return rotate(x, Rotary(INV_FREQ, x.shape[-1]).by(torch.tensor([by])))


@given(places, places)
def test_rotations_add_up(a: int, b: int) -> None:
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(a & 0xFF))
    assert torch.allclose(turned(turned(x, a), b), turned(x, a + b), atol=1e-5)


@given(places)
def test_there_and_back(a: int) -> None:
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(turned(turned(x, a), -a), x, atol=1e-5)


@given(st.integers(0, 1000), st.integers(0, 1000), places)
def test_scores_depend_on_the_distance_alone(q: int, k: int, by: int) -> None:
    query, key = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(2))
    here = turned(query, q) @ turned(key, k).T
    there = turned(query, q + by) @ turned(key, k + by).T
    assert torch.allclose(here, there, atol=1e-4)


@pytest.mark.parametrize("name", ["llama", "gpt_neox"])
def test_it_is_the_rotation_that_the_model_applies(name: str) -> None:
    model = tiny.build(name)
    embedding = model.base_model.rotary_emb
    x = torch.randn(1, 1, 5, 16)
    cos, sin = embedding(x, torch.arange(5)[None])
    dim = cos.shape[-1]
    theirs = torch.cat([apply_rotary_pos_emb(x[..., :dim], x[..., :dim], cos, sin)[0], x[..., dim:]], dim=-1)
    ours = rotate(x, Rotary(embedding.inv_freq, 16).by(torch.arange(5)))
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_angles_keep_their_precision_at_four_million() -> None:
    x = torch.randn(1, 8)
    exact = torch.polar(torch.ones(4, dtype=torch.float64), 4_000_001 * INV_FREQ.double())
    pairs = torch.complex(x[..., :4].double(), x[..., 4:].double()) * exact
    assert torch.allclose(turned(x, 4_000_001).double(), torch.cat([pairs.real, pairs.imag], dim=-1), atol=1e-6)


def test_the_dtype_stays() -> None:
    assert turned(torch.randn(2, 8, dtype=torch.bfloat16), 3).dtype == torch.bfloat16
