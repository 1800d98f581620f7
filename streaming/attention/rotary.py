"""Moving a key or a query to another position: rotary embeddings as rotations by a difference.

A rotary embedding turns pair `(i, i + r/2)` of the first `r` dimensions of a head by `position * inv_freq[i]`
(Su et al., "RoFormer", 2021, in the half-split layout of transformers). Rotations add up, so a key that was
embedded at one position is moved to another by one more rotation, by the difference. Angles are computed in
float64: `position * inv_freq` in float32 is off by 0.06 rad at position 1e6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Rotary", "Rotation", "rotate"]


@dataclass(frozen=True, slots=True, eq=False)
class Rotation:
    """A rotation for each of `n` rows, ready to be applied.

    Attributes:
        cos: (n, head_dim) float32; 1 where a dimension is not rotated.
        sin: (n, head_dim) float32, the sign of the partner folded in; 0 where a dimension is not rotated.
        half: number of pairs; dimension i is turned together with dimension i + half.
    """

    cos: Tensor
    sin: Tensor
    half: int

    def at(self, rows: Any) -> Rotation:
        """The same with cos and sin indexed."""
        return Rotation(self.cos[rows], self.sin[rows], self.half)

    def blocks(self, begin: int, end: int, block: int) -> Rotation:
        """Rows `begin` to `end`, in blocks: for vectors (blocks, any, any, block, head_dim)."""
        cos, sin = (torch.unflatten(x[begin:end], 0, (-1, 1, 1, block)) for x in (self.cos, self.sin))  # likewise
        return Rotation(cos, sin, self.half)


class Rotary:
    """The rotary embedding of one attention layer, in differences of positions.

    Args:
        inv_freq: (rotary_dim / 2,) the layer's inverse frequencies, as the model computes them.
        head_dim: size of a head; dimensions from `rotary_dim` on are left alone (partial rotary).
    """

    def __init__(self, inv_freq: Tensor, head_dim: int) -> None:
        """Lay out the pairs once."""
        self._inv_freq = {torch.device("cpu"): inv_freq.detach().to("cpu", torch.float64)}
        self._half = inv_freq.numel()
        self._still = head_dim - 2 * self._half

    def by(self, places: Tensor, device: torch.device | None = None) -> Rotation:
        """The rotations that move a vector on by `places` positions (back, where negative).

        Args:
            places: (n,) int64; the angles are computed where they are.
            device: where to apply them; where the places are by default.
        """
        if places.device not in self._inv_freq:
            self._inv_freq[places.device] = next(iter(self._inv_freq.values())).to(places.device)
        angles = places.double()[:, None] * self._inv_freq[places.device]  # (n, rotary_dim / 2)
        cos, sin = angles.cos(), angles.sin()
        still = cos.new_zeros(len(places), self._still)  # (n, head_dim - rotary_dim)
        return Rotation(
            torch.cat([cos, cos, still + 1], dim=-1).to(device, torch.float32),
            torch.cat([-sin, sin, still], dim=-1).to(device, torch.float32),
            self._half,
        )


def rotate(x: Tensor, rotation: Rotation, dtype: torch.dtype | None = None) -> Tensor:
    """Rotate the last dimension of `x`, in float32.

    Args:
        x: (..., n, head_dim) or (..., any, head_dim) where the rotation has one row.
        rotation: one row for each row of `x`, or a single one for all.
        dtype: of the result; that of `x` by default.
    """
    wide, half = x.float(), rotation.half
    out = wide * rotation.cos  # (..., n, head_dim)
    out[..., :half].addcmul_(wide[..., half : 2 * half], rotation.sin[..., :half])
    out[..., half : 2 * half].addcmul_(wide[..., :half], rotation.sin[..., half : 2 * half])
    return out.to(dtype or x.dtype)
