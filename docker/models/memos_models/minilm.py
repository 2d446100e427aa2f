"""all-MiniLM-L6-v2, which knows English: weights as they were published, 6 layers."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from memos_models.bert import Array, Bert

MAX_TOKENS = 256  # max_seq_length of the model's sentence_bert_config.json
LONGEST = 100
"""Characters of a word that may be more than one unknown token. What lies behind is not looked at:
tokenizers takes 11 s and 700 MB for a megabyte of Chinese."""


def load(folder: Path) -> Bert:
    """Load config.json, tokenizer.json and model.safetensors (mapped, not read)."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    weights = read_safetensors(folder / "model.safetensors")
    words = weights.pop("embeddings.word_embeddings.weight")

    def tokens(texts: Sequence[str]) -> list[list[int]]:
        cut = [text[: MAX_TOKENS * LONGEST] for text in texts]
        return [encoding.ids for encoding in tokenizer.encode_batch(cut)]

    return Bert(
        tokens=tokens,
        words=lambda ids: words[ids],
        weights=weights,
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        epsilon=config["layer_norm_eps"],
    )


def read_safetensors(file: Path) -> dict[str, Array]:
    """Map the float32 tensors of a safetensors file; pages are read when first used."""
    raw = np.asarray(np.memmap(file, dtype=np.uint8, mode="r"))
    start = 8 + int.from_bytes(raw[:8].tobytes(), "little")
    header = json.loads(raw[8:start].tobytes())
    tensors = {}
    for name, tensor in header.items():
        if tensor.get("dtype") == "F32":
            begin, end = tensor["data_offsets"]
            data = raw[start + begin : start + end].view(np.float32)
            tensors[name] = data.reshape(tensor["shape"])
    return tensors
