"""Where the steps of a build stand that are told of the host's mirrors by secrets."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.kit.places import ROOT

DOCKERFILES = tuple(sorted((ROOT / "docker").rglob("Dockerfile")))
INSTRUCTION = re.compile(r"^(?:FROM|RUN|COPY|ADD|WORKDIR|USER) .*(?:\\\n.*)*", re.MULTILINE)
COMMENT = re.compile(r"^ *#.*\n", re.MULTILINE)
LATER = {
    "memos-api": 1,  # the packages lie upon what an official image lacks, and share their layer
    "neo4j": 1,  # the jars are fetched from where a package names that is fetched before
}
"""Steps with secrets that do stand upon others."""


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_a_step_with_a_secret_stands_upon_its_base_alone(file: Path) -> None:
    """BuildKit of Engine 26.1 reads all files below such a step, to tell whether they changed.

    Those of the base once for all builds, with others upon it once more for each step. That was 13
    of the 31 seconds of a processor that the engine took for a first start (its own profile). Newer
    ones leave secrets out: https://github.com/moby/buildkit/blob/master/solver/llbsolver/ops/exec.go
    """
    steps = INSTRUCTION.findall(COMMENT.sub("", file.read_text(encoding="utf-8")))
    upon = [before for before, step in pairwise(steps) if "type=secret" in step]

    others = [before for before in upon if not before.startswith("FROM ")]

    assert len(others) == LATER.get(file.parent.name, 0), others
