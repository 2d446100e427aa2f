"""Find the centre of multilingual-e5-small and write it beside its weights: once, at the build."""

import sys
from pathlib import Path

import numpy as np

from memos_models import e5
from memos_models.centre import SENTENCES, Centre


def main(folder: Path) -> None:
    """Embed the sentences as the model gives them, and keep what they have in common."""
    (folder / e5.CENTRE).unlink(missing_ok=True)
    model = e5.load(folder)
    one, other = (
        np.array(model.embed(texts).vectors, dtype=np.float32)
        for texts in zip(*SENTENCES, strict=True)
    )
    centre = Centre.of(one, other)
    np.save(folder / e5.CENTRE, np.stack([centre.mean, centre.language]).astype(np.float32))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
