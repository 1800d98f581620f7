"""StreamingLLM: how one language model reads an endless stream under one KV cache policy."""
