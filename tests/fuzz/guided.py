"""Inputs by which atheris reaches other code: `python -m tests.fuzz.guided TARGET SEED SECONDS`."""

import importlib
import sys

from tests.fuzz.places import FOLDER, MEMORY, SLOW


def main(name: str, seed: int, seconds: float) -> None:
    """Try until time is up; atheris ends the process, with what got through in a file."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["scripts"]):
        target = importlib.import_module("tests.fuzz.targets").TARGETS[name]
    corpus, words = FOLDER / "corpus" / name, FOLDER / f"{name}.dict"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    pieces = target.words or (b"\x1b[",)  # an empty list of words is none to it
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in pieces)
    words.write_text("".join(f'"{word}"\n' for word in escaped))
    options = [
        *(f"-max_total_time={max(1, round(seconds))}", f"-seed={seed}", f"-timeout={SLOW}"),
        *(f"-rss_limit_mb={MEMORY}", "-max_len=300000", f"-dict={words}"),
        *(f"-artifact_prefix={FOLDER}/crashes/{name}-", str(corpus)),
    ]
    atheris.Setup([sys.argv[0], *options], target.read)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
