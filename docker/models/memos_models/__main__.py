"""Start the server: `python3 -m memos_models FOLDER [PORT]`, by default on port 8080.

FOLDER holds a folder for each model that is known; MOS_EMBEDDER_MODEL names the one to load.
"""

import importlib
import os
import signal
import sys
from pathlib import Path

from memos_models.server import Server

LOADERS = {
    "multilingual-e5-small-centred": "memos_models.e5",
    "all-MiniLM-L6-v2": "memos_models.minilm",
}
"""The models by the names that MOS_EMBEDDER_MODEL has for them, and who loads each; the first is
the default. Only the modules of the one that is wanted are loaded."""


def main(folder: Path, name: str, port: int) -> None:
    """Load the model, read its pages once by embedding a word, then listen on every address."""
    if name not in LOADERS:
        known = ", ".join(LOADERS)
        sys.exit(f"MOS_EMBEDDER_MODEL is {name!r}, and the models here are {known}")
    try:
        model = importlib.import_module(LOADERS[name]).load(folder / name)
    except OSError as error:
        sys.exit(f"no model in {folder / name}: {error}. Name a folder with {name} in it.")
    model.embed(["warm"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Server(("", port), model, name) as server:
        print(f"{name} is ready on port {server.server_port}", file=sys.stderr)
        server.serve_forever()


if __name__ == "__main__":
    folder, *ports = sys.argv[1:]
    wanted = os.environ.get("MOS_EMBEDDER_MODEL") or next(iter(LOADERS))
    main(Path(folder), wanted, int(ports[0]) if ports else 8080)
