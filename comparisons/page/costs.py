"""What keys and values take on models that do not fit into this page, from their published configurations."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COSTS", "Cost"]

BYTES_PER_NUMBER = 2
"""All of them are published in 16-bit floats, and run in them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """One model, by what its keys and values depend on.

    Attributes:
        model: its name.
        layers: how many layers keep keys and values.
        kv_heads: heads of keys and values in each; fewer than heads of queries where several share one.
        head_size: numbers in one key.
    """

    model: str
    layers: int
    kv_heads: int
    head_size: int

    @property
    def bytes_per_token(self) -> int:
        """A key and a value, in every head of every layer."""
        return 2 * self.layers * self.kv_heads * self.head_size * BYTES_PER_NUMBER

    def as_json(self) -> dict[str, str | int]:
        """What the page needs to know: name and bytes per token."""
        return {"model": self.model, "bytes_per_token": self.bytes_per_token}


COSTS = (
    Cost(model="Llama-2-7B", layers=32, kv_heads=32, head_size=128),
    Cost(model="Llama-2-13B", layers=40, kv_heads=40, head_size=128),
    Cost(model="Llama-2-70B", layers=80, kv_heads=8, head_size=128),
    Cost(model="MPT-7B", layers=32, kv_heads=32, head_size=128),
    Cost(model="MPT-30B", layers=48, kv_heads=64, head_size=112),
    Cost(model="Falcon-7B", layers=32, kv_heads=1, head_size=64),
    Cost(model="Falcon-40B", layers=60, kv_heads=8, head_size=64),
    Cost(model="Pythia-12B", layers=36, kv_heads=40, head_size=128),
)
"""The models of the paper's figures that are larger than what is bundled here."""
