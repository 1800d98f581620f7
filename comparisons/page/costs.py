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
        hub: where its configuration is published.
        model: its name.
        layers: how many layers keep keys and values.
        kv_heads: heads of keys and values in each; fewer than heads of queries where several share one.
        head_size: numbers in one key.
        context: tokens of the longest text that it was made for.
    """

    hub: str
    model: str
    layers: int
    kv_heads: int
    head_size: int
    context: int

    @property
    def bytes_per_token(self) -> int:
        """A key and a value, in every head of every layer."""
        return 2 * self.layers * self.kv_heads * self.head_size * BYTES_PER_NUMBER

    def as_json(self) -> dict[str, str | int]:
        """What the page needs to know."""
        return {
            "model": self.model, "config": f"https://huggingface.co/{self.hub}/blob/main/config.json",
            "context": self.context, "kv_heads": self.kv_heads, "bytes_per_token": self.bytes_per_token,
        }  # fmt: skip


COSTS = (
    Cost(hub="meta-llama/Llama-2-7b-hf", model="Llama-2-7B", layers=32, kv_heads=32, head_size=128, context=4096),
    Cost(hub="meta-llama/Llama-2-13b-hf", model="Llama-2-13B", layers=40, kv_heads=40, head_size=128, context=4096),
    Cost(hub="meta-llama/Llama-2-70b-hf", model="Llama-2-70B", layers=80, kv_heads=8, head_size=128, context=4096),
    Cost(hub="mistralai/Mistral-7B-v0.3", model="Mistral-7B", layers=32, kv_heads=8, head_size=128, context=32_768),
    Cost(hub="microsoft/phi-4", model="Phi-4, 14B", layers=40, kv_heads=10, head_size=128, context=16_384),
    Cost(hub="Qwen/Qwen3-8B", model="Qwen3-8B", layers=36, kv_heads=8, head_size=128, context=40_960),
    Cost(hub="Qwen/Qwen3-32B", model="Qwen3-32B", layers=64, kv_heads=8, head_size=128, context=40_960),
    Cost(hub="meta-llama/Llama-3.1-8B", model="Llama-3.1-8B", layers=32, kv_heads=8, head_size=128, context=131_072),
    Cost(hub="meta-llama/Llama-3.1-70B", model="Llama-3.1-70B", layers=80, kv_heads=8, head_size=128, context=131_072),
)
"""The paper's Llama-2, and models of today that keep every token in every layer."""
