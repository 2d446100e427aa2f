"""Archives of images, as an engine makes them."""

import io
import json
import tarfile
from collections.abc import Mapping


def archived(
    images: Mapping[str, str], members: Mapping[str, bytes] | None = None, **more: object
) -> bytes:
    """Return an archive of these images, ids by name, as an engine makes it.

    Of their layers it has those among its `members`. `more` are documents of others, by their names
    without the ending.
    """
    listed = [
        {"Config": f"blobs/sha256/{number.removeprefix('sha256:')}", "RepoTags": [name]}
        for name, number in images.items()
    ]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (members or {}).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, document in {"manifest": listed, **more}.items():
            text = json.dumps(document).encode()
            entry = tarfile.TarInfo(name if name == "repositories" else f"{name}.json")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return made.getvalue()


def listed(archive: bytes) -> list[str]:
    """Return the names of the images in an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        source = opened.extractfile("manifest.json")
        assert source is not None
        return [name for image in json.load(source) for name in image["RepoTags"]]
