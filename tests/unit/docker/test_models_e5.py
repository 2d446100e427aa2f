"""multilingual-e5-small: its file is read as its format says, its text is cut as it was trained."""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

np = pytest.importorskip("numpy", reason="numpy is only in the image of the models")

from memos_models import e5, prepare
from memos_models.bert import Array
from memos_models.centre import RAISED, SENTENCES, Centre
from memos_models.unigram import Unigram

from tests.kit.places import TESTS_DATA

HIDDEN, WIDE, LAYERS, HEADS, PLACES = 32, 64, 2, 2, 512
PIECES = {"<s>": 0.0, "<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0, "▁": -3.0, "t": -4.0, "e": -4.0}
PIECES |= {"tea": -6.0, "▁tea": -5.0, "▁query": -5.0, ":": -3.0, "茶": -5.0, "<mask>": 0.0}
NAMES = list(PIECES)


def packed(weights: Array) -> bytes:
    """Pack numbers, 32 to a block, as the file has them: scale, then low and high nibbles."""
    blocks = []
    for block in weights.reshape(-1, 32):
        scale = np.abs(block).max() / 7 or 1.0
        nibbles = (np.rint(block / scale) + 8).astype(np.uint8)
        halves = (nibbles[:16] | (nibbles[16:] << 4)).tobytes()
        blocks.append(np.float16(scale).tobytes() + halves)
    return b"".join(blocks)


def tensors() -> dict[str, bytes]:
    """Return every tensor of a tiny model, of fixed random weights."""
    random = np.random.default_rng(11)

    def plain(*shape: int) -> bytes:
        return bytes(random.normal(size=shape).astype("<f4").tobytes())

    found = {
        "emb.word": packed(random.normal(size=(len(NAMES), HIDDEN))),
        "emb.pos": plain(PLACES, HIDDEN),
        "emb.type": plain(2, HIDDEN),
        "emb.ln.w": plain(HIDDEN),
        "emb.ln.b": plain(HIDDEN),
    }
    for layer in range(LAYERS):
        for name in e5.LAYER:
            out, wide = (WIDE if name == "fi" else HIDDEN), (WIDE if name == "fo" else HIDDEN)
            norm = name.endswith("ln")
            weight = plain(HIDDEN) if norm else packed(random.normal(size=(out, wide)))
            found |= {f"l{layer}.{name}.w": weight, f"l{layer}.{name}.b": plain(out)}
    return found


def written(folder: Path, replaced: Mapping[str, str]) -> Path:
    """Write a model file in the format of the real one."""
    pieces = [name.encode() for name in NAMES]
    offsets = [sum(map(len, pieces[:number])) for number in range(len(pieces) + 1)]
    norms = b"".join(
        struct.pack("<IB", ord(one), len(other)) + struct.pack(f"<{len(other)}I", *map(ord, other))
        for one, other in replaced.items()
    )
    head = struct.pack(
        "<4sI7ifi", b"E5S1", 1, HIDDEN, LAYERS, HEADS, WIDE, len(NAMES), PLACES, 2, 1e-12, 32
    )
    head += struct.pack("<5iQ", len(NAMES), 0, 2, 1, 3, offsets[-1])
    head += struct.pack(f"<{len(offsets)}I", *offsets)
    head += struct.pack(f"<{len(NAMES)}f", *PIECES.values()) + b"".join(pieces)
    head += struct.pack("<iI", len(replaced), len(norms)) + norms
    data = tensors()
    length = len(head) + 4 + sum(2 + len(name) + 21 for name in data)
    directory, body = struct.pack("<i", len(data)), b""
    for name, tensor in data.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", 0, 0, length + len(body), len(tensor))
        body += tensor
    (folder / e5.WEIGHTS).write_bytes(head + directory + body)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a tiny model."""
    return written(tmp_path, {"\t": " ", "\n": " ", "ﷺ": "tea " * 4, "\x01": ""})


def vocabulary() -> Unigram:
    """Return the tiny vocabulary."""
    return Unigram(
        pieces={name: number for number, name in enumerate(NAMES) if PIECES[name]},
        scores=list(PIECES.values()),
        worst=-16.0,
        replaced={9: " ", 0xFDFA: "tea " * 4},
        unknown=3,
        longest=6,
    )


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("tea", ["▁tea"]),
        ("tea tea", ["▁tea", "▁tea"]),
        ("  tea\ttea ", ["▁tea", "▁tea"]),
        ("茶", ["▁", "茶"]),
        ("tee", ["▁", "t", "e", "e"]),
        ("tea?", ["▁tea", "<unk>"]),
        ("tea\0", ["▁tea", "<unk>"]),
        ("ﷺ", ["▁tea"] * 4),
        ("", ["▁"]),
        ("<s>", ["▁", "<unk>", "<unk>", "<unk>"]),
    ],
)
def test_a_text_is_cut_into_its_likeliest_pieces(text: str, pieces: list[str]) -> None:
    """Blanks count once; what is unknown is one mark a character; no text means a mark."""
    assert [NAMES[number] for number in vocabulary().cut(text, 100)] == pieces


@pytest.mark.parametrize("text", ["tea " * 100, "ﷺ" * 1000, "x" * 1_000_000])
def test_of_a_long_text_only_the_beginning_is_cut(text: str) -> None:
    """A megabyte takes no longer than what so many pieces can hold, whatever it grows to."""
    assert len(vocabulary().cut(text, 10)) == 10


def test_every_vector_has_the_models_size_and_length_one(folder: Path) -> None:
    """Cosine and dot product are then the same."""
    model = e5.load(folder)

    for vector in model.embed(["tea", "", "茶 \0 ?", "ﷺ" * 5000]).vectors:
        assert len(vector) == model.dimensions == HIDDEN
        assert math.hypot(*vector) == pytest.approx(1)


def test_weights_are_unpacked_as_the_file_packs_them() -> None:
    """A block is a scale and 32 numbers of four bits, the low halves first."""
    block = np.float16(0.5).tobytes() + bytes([0x80 | number for number in range(16)])

    numbers = e5.unpacked(np.frombuffer(block, dtype=np.uint8))

    assert numbers.tolist() == [[*((low - 8) * 0.5 for low in range(16)), *[0.0] * 16]]


def test_each_text_is_read_with_the_word_before_it(folder: Path) -> None:
    """Its mark, `query`, the colon, the text and its other mark."""
    (ids,) = e5.load(folder).tokens(["tea"])

    assert [NAMES[number] for number in ids] == ["<s>", "▁query", ":", "▁tea", "</s>"]


def test_a_text_is_cut_after_256_tokens(folder: Path) -> None:
    """What stands behind changes nothing, and is not counted."""
    model = e5.load(folder)

    assert model.embed(["tea " * 600]).tokens == 256
    assert model.embed(["tea " * 600]).vectors == model.embed(["tea " * 700]).vectors


def test_a_file_of_another_format_is_refused(folder: Path) -> None:
    """A later version of the package may pack it otherwise."""
    file = folder / e5.WEIGHTS
    file.write_bytes(b"E5S2" + file.read_bytes()[4:])

    with pytest.raises(ValueError, match="another format"):
        e5.load(folder)


def test_the_centre_is_found_once_and_then_taken_out(folder: Path) -> None:
    """What prepare writes changes every vector, and is found anew from the vectors without it."""
    bare = e5.load(folder).embed(["tea"]).vectors[0]
    prepare.main(folder)
    first = (folder / e5.CENTRE).read_bytes()

    assert e5.load(folder).embed(["tea"]).vectors[0] != pytest.approx(bare, abs=1e-3)
    prepare.main(folder)
    assert (folder / e5.CENTRE).read_bytes() == first


def test_a_centre_that_is_kept_is_not_found_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is of these weights alone: with others its name is another, and it is found."""
    monkeypatch.setattr(prepare, "KEPT", tmp_path)
    (tmp_path / prepare.name(folder)).write_bytes(b"kept")
    (tmp_path / "centre-0.npy").write_bytes(b"of others")

    prepare.main(folder)

    assert (folder / e5.CENTRE).read_bytes() == b"kept"


def test_moved_apart_a_cone_opens_and_the_languages_meet() -> None:
    """Texts with nothing in common score the same in one language and across two."""
    mean, chinese, one, other = np.eye(4, dtype=np.float32)
    rows = np.stack([0.8 * mean + 0.5 * one, 0.8 * mean + 0.5 * other])
    rows = np.stack([*(rows - 0.3 * chinese), *(rows + 0.3 * chinese)])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    apart = Centre.of(rows[:2], rows[2:]).apart(rows)

    scores = apart @ apart.T
    assert np.allclose(np.linalg.norm(apart, axis=1), 1)
    assert rows[0] @ rows[1] > 0.7
    assert scores[0, 1] == pytest.approx((-1 + RAISED) / (1 + RAISED), abs=1e-5)
    assert scores[0, 3] == pytest.approx(scores[0, 1], abs=1e-5)
    assert scores[0, 2] == pytest.approx(1, abs=1e-5)  # the same in the other language


def test_the_sentences_are_pairs_and_none_of_the_list_that_is_measured() -> None:
    """As many in each language, none twice; a list that was learnt from would prove nothing."""
    known = {text for pair in SENTENCES for text in pair}
    files = (TESTS_DATA / "memories").glob("*.json")
    measured = {
        text
        for file in files
        for entries in json.loads(file.read_text(encoding="utf-8")).values()
        for entry in entries
        for text in entry.values()
    }

    assert len(known) == 2 * len(SENTENCES) > 100
    assert len(measured) == 120
    assert not known & measured


@pytest.mark.parametrize(
    "text",
    ["user: tea\n", "user: [02:05 PM on 27 November, 2026]: tea\n", "assistant: [today]: tea"],
)
def test_who_said_it_and_when_is_not_part_of_what_was_said(folder: Path, text: str) -> None:
    """MemOS stores it before the text: the same words a minute later mean the same."""
    model = e5.load(folder)

    assert model.embed([text]).vectors == model.embed(["tea"]).vectors
