"""Find the centre of multilingual-e5-small and write it beside its weights: once, at the build."""

import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np

from memos_models import e5
from memos_models.bert import Array
from memos_models.centre import SENTENCES, Centre

KEPT = Path(__file__).parent
"""Where the centre of the pinned weights lies, because to find it takes 5 s; see `name`."""


def main(folder: Path) -> None:
    """Take the centre that is kept for these weights and sentences, or find it."""
    centre, kept = folder / e5.CENTRE, KEPT / name(folder)
    centre.unlink(missing_ok=True)
    if kept.is_file():
        shutil.copyfile(kept, centre)
    else:
        np.save(centre, found(folder))


def name(folder: Path) -> str:
    """Return what the centre of these weights and sentences is kept as."""
    digest = hashlib.sha256((folder / e5.WEIGHTS).read_bytes())
    digest.update(repr(SENTENCES).encode())
    return f"centre-{digest.hexdigest()[:16]}.npy"


def found(folder: Path) -> Array:
    """Embed the sentences as the model gives them; give what they have in common."""
    model = e5.load(folder)
    one, other = (
        np.array(model.embed(texts).vectors, dtype=np.float32)
        for texts in zip(*SENTENCES, strict=True)
    )
    centre = Centre.of(one, other)
    return np.stack([centre.mean, centre.language]).astype(np.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
