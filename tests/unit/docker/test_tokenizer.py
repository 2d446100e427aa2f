"""The stand-in for gpt2 knows every byte, and lies where the Hugging Face libraries look for it."""

import json
from pathlib import Path

import tokenizer


def test_every_byte_has_a_character_of_its_own() -> None:
    """256 distinct characters, so no text is unknown to it."""
    assert len(set(tokenizer.alphabet())) == 256


def test_printable_bytes_stand_for_themselves_and_the_others_for_gpt2s_letters() -> None:
    """The alphabet is gpt2's own: its space is Ġ, its line feed Ċ."""
    alphabet = tokenizer.alphabet()

    assert {"A", "z", "~", "Ġ", "Ċ"} <= set(alphabet)
    assert " " not in alphabet


def test_it_is_a_bpe_without_merges_that_ends_with_the_end_marker() -> None:
    """Each byte is one token: 256 of them and <|endoftext|>."""
    model = tokenizer.stand_in()["model"]

    assert isinstance(model, dict)
    assert model["merges"] == []
    assert model["vocab"]["<|endoftext|>"] == 256
    assert sorted(model["vocab"].values()) == list(range(257))


def test_it_is_written_as_the_cached_main_revision_of_gpt2(tmp_path: Path) -> None:
    """refs/main names the snapshot that holds tokenizer.json: all that offline mode asks for."""
    file = tokenizer.write(tmp_path)

    revision = (tmp_path / "hub/models--gpt2/refs/main").read_text(encoding="ascii")
    assert file == tmp_path / f"hub/models--gpt2/snapshots/{revision}/tokenizer.json"
    assert json.loads(file.read_text(encoding="utf-8")) == tokenizer.stand_in()


def test_writing_it_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """A rebuilt image holds the same file."""
    first = tokenizer.write(tmp_path).read_bytes()

    assert first == tokenizer.write(tmp_path).read_bytes()
