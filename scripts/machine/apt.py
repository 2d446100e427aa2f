"""An apt with folders of its own: it fetches Debian packages and leaves the host's apt alone."""

import hashlib
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from scripts.core import files
from scripts.core.errors import RefusedError
from scripts.core.process import Runner
from scripts.core.progress import Pace, Say
from scripts.core.units import size_of

PATIENCE = 60.0
"""Seconds without progress after which a download is given up."""
LISTS = "package-lists"
"""The folder of package lists, beside those of who fetches packages."""
OPTIONS = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "{folder}/preferences";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{folder}";
Dir::State::status "{folder}/status";
Dir::State::lists "{lists}";
APT::Get::List-Cleanup "0";
Dir::Cache "{folder}/cache";
Dir::Cache::archives "{folder}/debs";
APT::Sandbox::User "root";
APT::Install-Recommends "0";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
"""
"""Read after the host's own settings, of which proxies and TLS stay.

The hooks are cleared because Debian's container images empty the host's cache in one. Lists of
other releases stay: others share the folder.
"""
SCRIPT = 'cd "$1" && shift && echo "pid $$" && exec "$@"'
FILES = 'dpkg-deb --fsys-tarfile "$1" | tar -xp --keep-directory-symlink -C "$0" && echo "$1"'
"""What unpacks the package file `$1` into the folder `$0`, and says so."""
LISTED = re.compile(
    r"^'[^']+' (?P<name>\S+\.deb) (?P<size>\d+) SHA256:(?P<sha256>\w+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deb:
    """A package file; `size` in bytes."""

    name: str
    size: int
    sha256: str

    def is_in(self, folder: Path) -> bool:
        """Say whether `folder` holds exactly this file."""
        path = folder / self.name
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


@dataclass(kw_only=True)
class Watch:
    """Reads apt's lines: tells how far it is, and ends it when nothing has come for a while.

    apt writes `dlstatus:…` to the descriptor of `APT::Status-Fd` twice a second, also when
    nothing arrives (apt-pkg/acquire.cc, `pkgAcquireStatus::Pulse`).
    """

    pace: Pace
    tell: Callable[[float], str]
    """Turns a share (0 to 1) into a line of progress; "" for none."""
    clock: Callable[[], float] = time.monotonic
    stalled: bool = False
    item: str = ""
    """What is being fetched, for the message."""
    _pid: int = 0
    _state: str = ""
    _changed: float = 0.0

    def __call__(self, line: str) -> None:
        """Take one line of apt's output."""
        word, _, rest = line.partition(" ")
        if word == "pid":
            self._pid, self._changed = int(rest), self.clock()
        elif word.startswith("Get:"):
            self.item = rest
        elif line.startswith("dlstatus:"):
            self._pulse(line)

    def _pulse(self, state: str) -> None:
        now = self.clock()
        if state != self._state:
            self._state, self._changed = state, now
        elif now - self._changed > PATIENCE and not self.stalled:
            self.stalled = True
            os.kill(self._pid, signal.SIGTERM)
        self.pace(self.tell(float(state.split(":")[2]) / 100))


class PrivateApt:
    """apt-get on its own sources; what it writes lies in `folder`, package lists beside it."""

    def __init__(
        self, folder: Path, *, sources: str, runner: Runner, say: Say, preferences: str = ""
    ) -> None:
        """Remember where to work; `say` gets lines of progress."""
        self.lists = folder.parent / LISTS
        self.folder = folder
        self.debs = folder / "debs"
        self._note = folder / "fetched.json"
        self._files = {
            "sources.list": sources,
            "preferences": preferences,
            "status": "",
            "apt.conf": OPTIONS.format(folder=folder, lists=self.lists),
        }
        self._runner = runner
        self._say = say

    def fetch(self, *words: str) -> tuple[Deb, ...]:
        """Bring the packages that `apt-get WORDS` names into `debs`, and give them.

        What a former run brought for the same words and sources is taken as it is. Raises
        RefusedError when the mirror refuses or nothing arrives for PATIENCE seconds.
        """
        wanted = self._remembered(words)
        if not wanted:
            self._prepare()
            # of one release what another has fetched is not fetched and read again
            with files.turn(self.lists):
                self._apt(["update"], lambda share: f"reading package lists, {share:.0%}")
                # before another one renews them; by then apt has a cache of its own made from them
                wanted = self._listed(words)
            self._download(words, wanted)
            note = {"words": words, "files": self._files, "debs": [asdict(deb) for deb in wanted]}
            files.write_json(self._note, note)
        return wanted

    def _remembered(self, words: Sequence[str]) -> tuple[Deb, ...]:
        note = files.read_json(self._note)
        try:
            debs = tuple(Deb(**deb) for deb in note["debs"])
        except (LookupError, TypeError):  # never written, or by hand
            return ()
        same = note.get("words") == list(words) and note.get("files") == self._files
        return debs if same and all(deb.is_in(self.debs) for deb in debs) else ()

    def _prepare(self) -> None:
        for name in ("cache/partial", "debs/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.lists / "partial").mkdir(parents=True, exist_ok=True)
        for name, text in self._files.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def _listed(self, words: Sequence[str]) -> tuple[Deb, ...]:
        """Ask which files `words` mean; with nothing left out because it is there already."""
        empty = self.folder / "cache"
        argv = ["-o", f"Dir::Cache::archives={empty}", "--print-uris", *words]
        argv += ["-o", "Acquire::ForceHash=SHA256"]  # `install` would say MD5
        self._say("choosing packages")
        return tuple(
            Deb(name=line["name"], size=int(line["size"]), sha256=line["sha256"])
            for line in LISTED.finditer(self._apt(argv, lambda _: "", within=empty))
        )

    def _download(self, words: Sequence[str], wanted: Sequence[Deb]) -> None:
        names = {deb.name for deb in wanted}
        for path in self.debs.glob("*.deb"):
            if path.name not in names:
                path.unlink()
        what, total = f"fetching {len(wanted)} packages", sum(deb.size for deb in wanted)
        self._apt(words, lambda share: f"{what}, {size_of(share * total, total)}")
        missing = [deb.name for deb in wanted if not deb.is_in(self.debs)]
        if missing or not wanted:
            raise RefusedError(
                f"apt-get {words[0]} brought no correct {', '.join(missing) or 'package'}",
                next_step="apt-get update, and look at its warnings",
            )

    def _apt(
        self, words: Sequence[str], tell: Callable[[float], str], *, within: Path | None = None
    ) -> str:
        watch = Watch(pace=Pace(self._say), tell=tell)
        apt = ["apt-get", "-c", str(self.folder / "apt.conf"), "-q", "-y", "-o", "APT::Status-Fd=1"]
        done = self._runner(
            ["sh", "-c", SCRIPT, "sh", str(within or self.debs), *apt, *words],
            env={"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
            on_line=watch,
        )
        if watch.stalled:
            raise RefusedError(
                f"no progress for {PATIENCE:.0f} s while fetching {watch.item or words[0]}",
                next_step="check the network and apt's proxy: apt-get update",
            )
        if done.exit_code:
            raise _refusal(words[0], f"{done.stdout}\n{done.stderr}")
        return done.stdout


def unpack(
    into: Path, debs: Sequence[Path], *, runner: Runner, say: Say, script: str = FILES
) -> None:
    """Unpack package files into the empty folder `into`, one process for each CPU."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    pace, done, what = Pace(say), count(1), f"unpacking {len(debs)} packages"
    pace(what)
    largest_first = sorted(debs, key=lambda deb: -deb.stat().st_size)
    unpacked = runner(
        ["xargs", "-0", "-P", str(os.cpu_count() or 1), "-n", "1", "sh", "-c", script, str(into)],
        stdin="\0".join(map(str, largest_first)),
        on_line=lambda _: pace(f"{what}, {next(done)} done"),
    )
    if unpacked.exit_code:
        raise RefusedError(
            f"unpacking into {into} failed: {unpacked.stderr.strip()}",
            next_step=f"df {into.parent}, then try again",
        )


def _refusal(word: str, output: str) -> RefusedError:
    lines = output.splitlines()
    errors = [line for line in lines if line.startswith(("E:", "W:", "sh:"))] or lines[-1:]
    step = "check the network and apt's proxy: apt-get update"
    if "NO_PUBKEY" in output:
        step = "the keyring is too old: apt-get install debian-archive-keyring"
    return RefusedError(f"apt-get {word} failed: {errors[0].strip()}", next_step=step)
