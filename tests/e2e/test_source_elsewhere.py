"""Sources in a volume, as an engine on another machine gets them: here with a real engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.core.process import run
from scripts.engine.api import Api
from scripts.engine.source.bring import Brought, bring
from scripts.engine.source.volume import Volume
from tests.e2e.kit.checkout import Checkout

pytestmark = pytest.mark.docker
NAME = "memos-e2e-source"
MOUNTED = f"type=volume,source={NAME},target=/app/src,volume-nocopy"


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """A volume, a container of the API's image that has it, and the folder here."""

    stack: Checkout
    folder: Path
    volume: Volume

    def bring(self, *, anew: bool = False) -> Brought:
        """Bring what differs."""
        return bring(self.folder, self.volume, self.folder.parent / "cache", run, anew=anew)

    def shell(self, script: str) -> str:
        """Run a script in the container, as the API does."""
        done = self.stack.docker("exec", NAME, "sh", "-c", script, check=False)
        return done.stdout + done.stderr


@pytest.fixture
def there(running: Checkout, tmp_path: Path) -> Iterator[There]:
    """A container that only waits."""
    api = running.container("memos")
    image = running.docker("inspect", "--format={{.Config.Image}}", api).stdout.strip()
    endpoint = running.engine_env()["DOCKER_HOST"]
    folder = tmp_path / "src"
    (folder / "memos").mkdir(parents=True)
    (folder / "memos" / "one.py").write_text("one = 1\n")
    (folder / "memos" / "two.py").write_text("two = 2\n")
    volume = Volume(api=Api(endpoint), name=NAME, project=NAME, image=image)
    running.docker("volume", "create", NAME)
    try:
        yield There(stack=running, folder=folder, volume=volume)
    finally:
        running.docker("rm", "--force", NAME, check=False)
        running.docker("volume", "rm", NAME)


def begin(there: There) -> None:
    """Start the container."""
    words = ("--mount", MOUNTED, "--cap-drop", "ALL", "--entrypoint", "sleep")
    there.stack.docker("run", "--detach", "--name", NAME, *words, there.volume.image, "600")


def test_a_volume_is_filled_before_anything_runs_and_changed_while_it_does(there: There) -> None:
    """Whole at first, then what differs; what was removed here goes, and all is read-only."""
    first = there.bring(anew=True)
    begin(there)
    (there.folder / "memos" / "one.py").write_text("one = 'one'\n")
    edited = there.bring()
    (there.folder / "memos" / "two.py").rename(there.folder / "memos" / "three.py")
    moved = there.bring()

    assert (first.put, edited.put) == (("memos/one.py", "memos/two.py"), ("memos/one.py",))
    assert (moved.put, moved.gone) == (("memos/three.py",), ("memos/two.py",))
    assert there.shell("cd /app/src/memos; cat *; ls") == "one = 'one'\ntwo = 2\none.py\nthree.py\n"
    told = there.shell("echo x >/app/src/memos/one.py; touch /app/src/x; rm /app/src/memos/one.py")
    assert told.count("Permission denied") == 3


def test_what_somebody_else_put_there_is_found(there: There) -> None:
    """Read anew the volume becomes what the folder is, and what is the same is not sent."""
    there.bring(anew=True)
    other = there.folder.parent / "other"
    (other / "memos").mkdir(parents=True)
    (other / "memos" / "one.py").write_text("other\n")
    bring(other, there.volume, there.folder.parent / "others-cache", run, anew=True)

    again = there.bring(anew=True)

    assert (again.put, again.gone) == (("memos/one.py", "memos/two.py"), ())
    assert there.bring(anew=True).put == ()
