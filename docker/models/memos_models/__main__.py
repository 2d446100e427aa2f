"""Start the server: `python3 -m memos_models MODEL_FOLDER [PORT]`, by default on port 8080."""

import signal
import sys
from pathlib import Path

from memos_models.minilm import MiniLM
from memos_models.server import Server


def main(folder: Path, port: int) -> None:
    """Load the model, read its pages once by embedding a word, then listen on every address."""
    try:
        model = MiniLM.load(folder)
    except OSError as error:
        sys.exit(f"no model in {folder}: {error}. Name a folder with model.safetensors.")
    model.embed(["warm"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Server(("", port), model) as server:
        print(f"ready on port {server.server_port}", file=sys.stderr)
        server.serve_forever()


if __name__ == "__main__":
    folder, *ports = sys.argv[1:]
    main(Path(folder), int(ports[0]) if ports else 8080)
