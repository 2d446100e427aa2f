"""The Qdrant stand-in as a process of its own, started as its image starts it."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qdrant_client import QdrantClient

from tests.kit.places import ROOT

FRONT = ROOT / "docker/packages/qdrant/qdrant_front.py"


@dataclass(frozen=True)
class Front:
    """A running front: its process and its port on loopback."""

    process: subprocess.Popen[str]
    port: int
    said: str
    """What it wrote until it listened."""

    def client(self) -> QdrantClient:
        """Qdrant's client for it."""
        return QdrantClient(host="127.0.0.1", port=self.port)

    def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Status and text of one raw request; a body that is text goes out as it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            None if body is None else text.encode(),
            {"Content-Type": "application/json"} | (headers or {}),
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def launch(storage: Path, key: str = "", published_on: str = "") -> subprocess.Popen[str]:
    """The front as a process of its own, on a free port."""
    settings = {
        "PUBLISHED_ON": published_on,
        "QDRANT__SERVICE__HOST": "127.0.0.1",
        "QDRANT__SERVICE__HTTP_PORT": "0",
        "QDRANT__SERVICE__API_KEY": key,
        "QDRANT__STORAGE__STORAGE_PATH": str(storage),
    }
    return subprocess.Popen(
        [sys.executable, str(FRONT)], env=os.environ | settings, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def running(storage: Path, key: str = "", published_on: str = "") -> Iterator[Front]:
    """A front that listens; killed when the block ends, if it still runs."""
    with launch(storage, key, published_on) as process:
        try:
            assert process.stderr is not None
            said: list[str] = []
            while not (port := re.search(r"listening on 127\.0\.0\.1:(\d+)", "".join(said))):
                said.append(process.stderr.readline())
                assert said[-1], said
            yield Front(process, int(port[1]), "".join(said))
        finally:
            process.kill()
