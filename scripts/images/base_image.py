"""The base image of the package-built ones: Debian, made from packages without a registry.

It needs a host of the Debian family for apt and dpkg, and any engine.
"""

import shutil
import signal
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from scripts.core.errors import ExitCode, StackError, known, report
from scripts.core.files import held
from scripts.core.process import Runner, run
from scripts.core.progress import Say
from scripts.core.stack import Service
from scripts.engine.api import Api
from scripts.images.availability import image_labels
from scripts.images.build_settings import ENV
from scripts.images.jobs import Job
from scripts.images.recipes import (
    BASE_FILE,
    BASE_PACKAGES,
    BASE_RELEASE,
    BASE_TAG,
    RECIPE_LABEL,
    base_recipe,
)
from scripts.machine.apt import PrivateApt, unpack
from scripts.machine.apt_sources import Mirror, find_mirror
from scripts.machine.debs import HALVES, root_file_system
from scripts.machine.system import this_system

PHASE = "base"


def wanted(services: Iterable[Service]) -> bool:
    """Say whether one of these services is built upon this image."""
    builds = (service.build for service in services)
    return any(BASE_TAG in build.args.values() for build in builds if build is not None)


def ahead(root: Path) -> Job:
    """Return the job that prepares the image's packages, which needs no engine.

    Raises ConfigError as `find_mirror` does.
    """
    find_mirror(this_system(), "debian")
    return Job(
        name="packages",
        argv=[sys.executable, "-P", "-m", "scripts.images.base_image", str(_folder(root))],
        log=_folder(root) / "log" / "packages.log",
        what="the packages of the base image",
        phase=PHASE,
        env={"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"},
    )


def jobs(api: Api, env: Mapping[str, str], root: Path) -> tuple[Job, ...]:
    """Return the jobs after which the engine behind `api` and `env` has the image.

    None where it has it, as this checkout makes it. Raises ConfigError as `find_mirror` does.
    """
    file = root / "docker" / BASE_FILE
    recipe = base_recipe(file)
    image = api.get(f"/images/{BASE_TAG}/json") or {}
    if image_labels(image).get(RECIPE_LABEL) == recipe:
        return ()
    packages = ahead(root)
    argv = ["docker", "build", "--progress", "plain", "--tag", BASE_TAG, "--file", str(file)]
    argv += ["--label", f"{RECIPE_LABEL}={recipe}", str(_folder(root))]
    log = _folder(root) / "log" / "base.log"
    made = Job(
        name="base", argv=argv, log=log, env={**env, **ENV}, after=packages.name, phase=PHASE
    )
    return packages, made


def _folder(root: Path) -> Path:
    return root / ".cache" / "base"


def prepare(folder: Path, mirror: Mirror, runner: Runner, say: Say) -> None:
    """Make the build's context: `rootfs.tar`, and in `by-dpkg` the packages that it lacks in part.

    All package files stay for a second build, which then needs no network.
    """
    apt = PrivateApt(folder, sources=mirror.lines(BASE_RELEASE), runner=runner, say=say)
    debs = apt.fetch("install", "--download-only", "?essential", *BASE_PACKAGES)
    names = "\n".join(deb.name for deb in debs)
    archive, stamp, own = folder / "rootfs.tar", folder / "rootfs.list", folder / "by-dpkg"
    made = archive.is_file() and own.is_dir() and stamp.is_file()
    if made and stamp.read_text(encoding="utf-8") == names:
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    tars = folder / "tars"
    files = [apt.debs / deb.name for deb in debs]
    unpack(tars, files, runner=runner, say=say, script=HALVES)
    for name in root_file_system(archive, tars, [deb.name for deb in debs]):
        try:
            (own / name).hardlink_to(apt.debs / name)
        except OSError:  # a file system that has none, such as a share
            shutil.copyfile(apt.debs / name, own / name)
    shutil.rmtree(tars)
    stamp.write_text(names, encoding="utf-8")


def main() -> ExitCode:
    """Prepare the folder that the command line names."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what it has started, too
    try:
        mirror, folder = find_mirror(this_system(), "debian"), Path(sys.argv[1])
        with held(folder, "images.build"):
            prepare(folder, mirror, run, partial(print, flush=True))
    except (StackError, OSError) as error:
        if (ours := known(error)) is None:
            raise
        return report(ours)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
