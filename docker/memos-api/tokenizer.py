"""Write a stand-in for the gpt2 tokenizer where `HF_HOME` points: `python3 tokenizer.py HF_HOME`.

MemOS asks for "gpt2" by name when it starts and dies when it cannot have it. The stand-in knows
the 256 bytes and the end marker, and no merges: every byte is one token, so texts are cut into
chunks some four times shorter than with the real one, and nothing else changes.
"""

import json
import sys
from pathlib import Path

END = "<|endoftext|>"
REVISION = "0" * 40  # no commit has this name, so the real gpt2 always counts as newer

Json = dict[str, object]


def alphabet() -> list[str]:
    """Return the 256 printable characters that gpt2 writes for the 256 bytes, in order."""
    printable = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in printable]
    return sorted([chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(hidden))])


def stand_in() -> Json:
    """Return a byte-level BPE of 257 tokens, as `tokenizer.json` of the tokenizers package."""
    byte_level: Json = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
    vocabulary = {character: number for number, character in enumerate([*alphabet(), END])}
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": byte_level | {"add_prefix_space": False},
        "post_processor": None,
        "decoder": byte_level | {"add_prefix_space": True},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    }


def write(home: Path) -> Path:
    """Write the stand-in where `HF_HOME=home` finds "gpt2" offline, and return its file."""
    model = home / "hub" / "models--gpt2"
    file = model / "snapshots" / REVISION / "tokenizer.json"
    reference = model / "refs" / "main"
    for parent in (file.parent, reference.parent):
        parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(stand_in(), ensure_ascii=False), encoding="utf-8")
    reference.write_text(REVISION, encoding="ascii")
    return file


if __name__ == "__main__":
    write(Path(sys.argv[1]))
