"""WHERE MODELS COME FROM: bundled, folders, GGUF files, the Hub. Behind `streaming.models`; begin with `sources`."""
