"""Looks into volumes: what lies there, and how much."""

from collections.abc import Mapping, Sequence

from scripts.core.errors import RefusedError
from scripts.data.model import Survey
from scripts.data.volume_scripts import SURVEY
from scripts.engine.api import Api
from scripts.engine.throwaway import Helper

FIELDS = 4
"""In a line of the survey about a volume."""
SHELLLESS = "executable file not found"
"""How the engine says that an image has no sh; any other cause tells more."""
BESIDE = 2
"""In one about what stands beside its data."""


def survey(api: Api, project: str, images: Sequence[str], volumes: Mapping[str, str]) -> Survey:
    """Look into volumes with the first image that is there and has sh and GNU tar.

    Raises RefusedError when no image has, with what the last of them said.
    """
    said = ""
    for image in images:
        if api.get(f"/images/{image}/json") is None:
            continue
        helper = Helper(api, project, image, volumes)
        try:
            printed = helper.run(SURVEY)
        except RefusedError as error:  # no shell, as in etcd's own image, or a full disk
            if not said or SHELLLESS not in str(error):
                said = str(error)
            continue
        rows = [line.split() for line in printed.splitlines()]
        found = {row[0]: tuple(map(int, row[1:])) for row in rows if len(row) == FIELDS}
        return Survey(
            image=image,
            sizes={key: used for key, (used, _, _) in found.items()},
            free={key: blocks * size for key, (_, blocks, size) in found.items()},
            beside={row[0]: row[1] for row in rows if len(row) == BESIDE},
        )
    raise RefusedError(
        "no image of the stack could look into the volumes (one with sh and GNU tar is needed):"
        f" {said or 'none is here'}",
        next_step="inv images.status; df -h",
    )
