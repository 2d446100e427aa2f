"""The readers of what is not ours, each as a function of bytes; what they may raise they do not.

What gets out of a target is a fault: any error but the one that its reader names, and what lasts.
"""

import atexit
import base64
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import NoReturn

from scripts.config import compose, env_text, settings
from scripts.config.rules import env as settings_rules
from scripts.config.rules import resolved, written
from scripts.config.rules import text as compose_text
from scripts.core.errors import StackError
from scripts.core.foreign import documents
from scripts.core.look import Look
from scripts.core.stack import Probe, Service, Stack
from scripts.data import archive, journal, manifest, snapshots
from scripts.diagnosis.rules import diagnose
from scripts.doctor import ask_settings, env_lines
from scripts.engine import containers, events, frames, stacks
from scripts.engine.api import Api
from scripts.images import availability, build_output
from scripts.images.bundle import bundle_file, image_archive, unpacking
from scripts.loop.editor import jsonc
from scripts.start.history import ready_moments, timeline
from scripts.tell import drawing, page, views
from scripts.tell.data_report import snapshot_row
from scripts.tell.numbers import metrics as numbers
from scripts.tell.screen import Drawn, Line, line
from scripts.watch import log_lines, logs, measuring, mends, metrics, probes, status
from scripts.watch.memories import halves
from scripts.watch.memories.stores import Database, Stores
from scripts.watch.reload import asking
from scripts.watch.reload import findings as reloads
from scripts.watch.reload import state as states
from tests.kit.builders import container, stack
from tests.kit.bundles import MANIFEST, bundled
from tests.kit.checkout import lay_out
from tests.kit.fake_engine import RECORDED, framed
from tests.kit.image_archives import archived
from tests.kit.places import ROOT, TESTS_DATA
from tests.kit.reloads import failed, run, state

Read = Callable[[bytes], object]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One reader, and what it reads every day."""

    read: Read
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = field(default=())
    """Pieces of which its input is often made."""


@cache
def folder() -> Path:
    """Return a folder of this process, with a checkout in it; it goes with the process."""
    made = Path(tempfile.mkdtemp(prefix="memos-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    lay_out(made / "checkout")
    return made


def drawn(parts: Iterator[Drawn] | list[Drawn]) -> None:
    """Draw what was read: nothing may steer a terminal, or make another error of it."""
    for part in parts:
        if isinstance(part, Line):
            str(part).encode()


# snapshots ------------------------------------------------------------------------------------


def snapshot(data: bytes) -> None:
    """Read a file of the folder of snapshots, to its end."""
    file = folder() / f"one{snapshots.END}"
    file.write_bytes(data)
    found = snapshots.read(file)
    snapshot_row(found.document())
    with suppress(StackError):
        for _ in archive.pieces(file):
            pass


def manifest_of_snapshot(data: bytes) -> None:
    """Read a snapshot with this manifest, whose checksums are right."""
    snapshot(ending(data))
    found = snapshots.read(folder() / f"one{snapshots.END}")
    if found.manifest is not None:
        list(manifest.obstacles(STACK, found.manifest))
        list(manifest.doubts(found.manifest, "registry", {"neo4j": "5.26.4"}))
        drawn([line(" ".join(snapshot_row(found.document())))])


def ending(text: bytes, begin: int = 0) -> bytes:
    """Return the end of a snapshot with this manifest."""
    last = archive.TRAILER.pack(archive.MARK, begin, hashlib.sha256(text).digest())
    head = archive.FRAME.pack(archive.MANIFEST_FRAME, len(text))
    return head + text + archive.FRAME.pack(archive.TRAILER_FRAME, archive.TRAILER.size) + last


def whole_snapshot() -> bytes:
    """Return a snapshot as it is made."""
    made = io.BytesIO()
    writer = archive.SnapshotWriter(made)
    writer.write(b"tar" * 1000)
    writer.end(SNAPSHOT)
    return made.getvalue()


def entry(data: bytes) -> None:
    """Read a journal, and what is said of it."""
    (folder() / journal.FILE).write_bytes(data)
    drawn([line(journal.pending(folder()))])


# bundles --------------------------------------------------------------------------------------


def bundle(data: bytes) -> None:
    """Read a bundle, all of it."""
    file = folder() / "bundle.tar"
    file.write_bytes(data)
    with suppress(StackError):
        found = bundle_file.read(file)
        drawn([line(" ".join(row)) for row in views.bundle_rows(file, found.manifest)])
        drawn([line(unpacking.trust(found))])
        for member in found.manifest.members[:20]:
            found.check(member, lambda _: None)


def manifest_of_bundle(data: bytes) -> None:
    """Read a bundle that says this of itself."""
    whole = whole_bundle()
    begin = bundle_file.BLOCK
    text = data[: bundle_file.RESERVED].ljust(bundle_file.RESERVED)
    bundle(whole[:begin] + text + whole[begin + bundle_file.RESERVED :])


@cache
def whole_bundle() -> bytes:
    """Return a bundle as it is made."""
    file = folder() / "whole.tar"
    bundled(file, {"images.tar": archived({"x:1": "sha256:1"}), "wheels/a.whl": b"a"})
    return file.read_bytes()


def images(data: bytes) -> None:
    """Read an archive of images."""
    with suppress(ValueError):
        image_archive.named(io.BytesIO(data), 0, len(data))


# settings -------------------------------------------------------------------------------------


def env(data: bytes) -> None:
    """Read a `.env`, judge it, and show it."""
    root = folder() / "checkout"
    (root / ".env").write_bytes(data)
    with suppress(StackError):
        loaded = settings.load(root, {})
        settings_rules.check(loaded)
        settings.rows(loaded)
        loaded.for_compose()
        loaded.port_variables()
    with suppress(StackError):
        sloppy = settings.load(root, {}, strict=False)
        drawn([line(str(one)) for one in settings_rules.problems(sloppy)])
        settings.changed_text(data.decode(errors="replace"), {"NEO4J_PORT": "1"})
        _, file = ask_settings.ask(root, {})
        for finding in env_lines.judge(file):
            drawn(list(views.finding(finding)))
    env_text.lines.cache_clear()


# compose files --------------------------------------------------------------------------------


def compose_file(data: bytes) -> None:
    """Read a compose file as it is written."""
    text = data.decode(errors="replace")
    with suppress(StackError):
        document = compose_text.parse(text, "docker-compose.yml")
        for breach in written.check_raw(document, "docker-compose.yml"):
            drawn([line(str(breach))])
    compose_text.parse.cache_clear()


def resolved_file(data: bytes) -> None:
    """Read what Compose makes of them."""
    with suppress(StackError):
        document = compose.document(data.decode(errors="replace"))
        breaches = resolved.check_resolved(document, "docker-compose.yml")
        drawn([line(str(breach)) for breach in breaches])
        if not breaches:
            compose.parse(document, Path("/checkout/docker"))


# the engine -----------------------------------------------------------------------------------


class Saying(Api):
    """An engine that says the same to everything."""

    def __init__(self, said: bytes) -> None:
        """Say these bytes."""
        super().__init__("unix:///nowhere")
        self.said = said

    def _call(self, method: str, path: str, query: dict[str, object], body: object = None) -> bytes:
        del method, path, query, body
        return self.said


def engine(data: bytes) -> None:
    """Ask an engine for all that it is asked for, and show it."""
    api = Saying(data)
    asked: tuple[Callable[[], object], ...] = (
        lambda: containers.existing(api),
        lambda: containers.containers(api, "test"),
        lambda: drawn(list(views.stacks(stacks.document(stacks.seen(api), ROOT, "test")))),
        lambda: views.image_row(availability.status(api, SERVICE)),
        lambda: availability.unpacked(api, ["x:1"]),
        lambda: measuring.usage(api.get("/containers/x/stats") or {}),
        lambda: logs._restarts(api, "test", (), since=0),  # noqa: SLF001 - as `lines` does
    )
    for ask in asked:
        with suppress(StackError):
            ask()


def inspected(data: bytes) -> None:
    """Read what an engine says of one container, and judge it."""
    with suppress(StackError):
        api = Saying(data)
        one = containers.container(api.get("/containers/x/json") or {})
        look = Look(containers=(replace(one, service="neo4j"),))
        told = status.document(STACK, look, (), {"memos": "", "image_source": ""})
        drawn(list(views.status(told, 80, 0.0)))
        for finding in diagnose(STACK, ("neo4j",), look):
            drawn(list(views.finding(finding)))


def causes(data: bytes) -> None:
    """Read the log of a service that has ended, for why it has."""
    text = data.decode(errors="replace")
    lines = tuple(one for one in text.splitlines()[-400:] if one)
    one = container("neo4j", state="exited", exit_code=1, restarts=9)
    for finding in diagnose(STACK, ("neo4j",), Look(containers=(one,), logs={"neo4j": lines})):
        drawn(list(views.finding(finding)))


def stream(data: bytes) -> None:
    """Read what a container writes, and what happens to it."""
    for moments in (False, True):
        with suppress(ValueError):  # a moment that is none
            for _, text in log_lines.split([data[:9], data[9:]], moments=moments):
                drawn([line(text)])
                log_lines.level(text)
    with suppress(ValueError):
        for one in events.lines([data]):
            documents.parsed(one)
    with suppress(EOFError):
        list(frames.frames([data]))


def build(data: bytes) -> None:
    """Read what a build prints."""
    text = data.decode(errors="replace")
    output = build_output.Output()
    for one in text.splitlines():
        drawn([line(output.tells(one))])
    drawn([line(build_output.cause(text, "exit code 1"))])


def reload(data: bytes) -> None:
    """Read what the supervisor of the API writes, and show it."""
    with suppress(ValueError):
        found = states.told(states.parsed(data), SERVICE, ROOT)
        for finding in (*reloads.standing(found), *reloads.slow(found, None, there=False)):
            drawn(list(views.finding(finding)))
        drawn([line(reloads.how(found, "/src"))])
        drawn([line(views.edits({"reload": asking.row(found, None, nobody)}))])
        for run in found.runs:
            version = {"run": states.document(run), "finding": None}
            drawn(list(map(line, drawing.version(version, 80))))


def nobody(argv: Sequence[str], **options: object) -> NoReturn:
    """Start nothing."""
    raise AssertionError(argv, options)


# services -------------------------------------------------------------------------------------


def answer(data: bytes) -> None:
    """Judge an answer to a probe."""
    for status_code in (200, 404, 500):
        response = probes._Response(status=status_code, body=data)  # noqa: SLF001 - as `read` does
        for kind, judge in probes.KINDS.items():
            told = judge(Probe(kind=kind, port=1, collection="c", size=3), response)
            drawn([line(told.detail)])
    mends._object(data)  # noqa: SLF001 - what the API writes


def told(data: bytes) -> None:
    """Read what a service tells of itself, and show it."""
    one = metrics.Told(service=SERVICE.name, text=data.decode(errors="replace"))
    document = metrics.document("test", [one], 1.0)
    json.dumps(document, allow_nan=False)
    drawn(list(numbers.metrics(document)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Database):
    """A database that answers the same to everything."""

    said: object = None

    def ask(
        self, path: str, body: object, *, method: str = "POST", absent: object = None
    ) -> object:
        """Answer."""
        del path, body, method, absent
        return self.said if isinstance(self.said, dict) else {}


def stores(data: bytes) -> None:
    """Look into databases that hold what others have written."""
    with suppress(ValueError):
        said = documents.parsed(data)
        told = Told(service=SERVICE, probe=Probe(kind="http", port=1), start="inv up", said=said)
        with suppress(StackError):
            every = Stores(neo4j=told, qdrant=told, milvus=told)
            every.preferences()
            store = every.look()
            halves.document("test", store)
            for finding in halves.findings(store):
                drawn(list(views.finding(finding)))


# what is kept ---------------------------------------------------------------------------------


def kept(data: bytes) -> None:
    """Read what is kept of starts, and draw it."""
    (folder() / ready_moments.FILE).write_bytes(data)
    ready_moments.added(folder(), Look())
    with suppress(ValueError):
        run = timeline.parsed(documents.parsed(data))
        drawn([line(one) for one in drawing.timeline(run, 80)])
        page.timeline(run).encode()


def editors(data: bytes) -> None:
    """Add an entry of ours to a user's file; what is written so is read again."""
    entries = [jsonc.Entries(array="tasks", key="label", wanted=[{"label": "MemOS: up"}])]
    with suppress(ValueError):
        after = jsonc.merged(data.decode(), "2.0.0", entries)
        assert jsonc.merged(after, "2.0.0", entries) == after


SERVICE = Service(name="neo4j", container="neo4j", image="x:1")
STACK: Stack = stack(SERVICE)
SNAPSHOT = {
    "format": 1,
    "project": "test",
    "created_at": "2026-01-31T12:00:00.000Z",
    "image_source": "packages",
    "command": "snapshot.save",
    "automatic": False,
    "groups": ["graph"],
    "running": [],
    "engine": "26.1.5",
    "services": [
        {"service": "neo4j", "image": "x:1", "image_id": "1", "digests": [], "version": "5.26.4"}
    ],
    "volumes": [{"key": "graph_data", "name": "test_graph_data", "group": "graph", "bytes": 3}],
}
FIGURES = {"tar_bytes": 3, "tar_sha256": "0" * 64, "packed_bytes": 0, "packed_sha256": "0" * 64}
JOURNAL = {
    "command": "restore",
    "phase": "swapping",
    "running": ["memos"],
    "volumes": {"graph_data": "test_graph_data"},
    "snapshot": "one",
    "since": "then",
}
RUN = {
    "began": "2026-01-31T12:00:00Z",
    "seconds": 9.5,
    "prepared": 1.0,
    "verdict": "ready",
    "why": "",
    "phases": [
        {"name": "build", "what": "memos", "began": 0.1, "ended": 0.9, "outcome": "done"},
        {"name": "pull", "began": 0.2, "ended": None, "outcome": "going", "critical": True},
    ],
    "services": [
        {"service": "neo4j", "needs": [], "created": 0.5, "started": 1.0, "ready": 9.5},
        {"service": "memos", "needs": ["neo4j"], "started": 9.5, "ready": None, "critical": True},
    ],
}
POINTS = {
    "errors": [],
    "results": [{"data": [{"row": ["cube", "LongTermMemory", "activated", 1, ["id"]]}]}],
    "result": {"points": [{"id": 1, "payload": {"user_name": "cube"}}], "next_page_offset": None},
    "code": 0,
    "data": [{"payload": '{"mem_cube_id": "cube"}'}],
}
ENDLESS = POINTS | {"result": {"points": [{"id": 1}], "next_page_offset": 1}}
WORDS = (b"null", b"true", b"1e300", b"-1", b"[]", b"{}", b'""', b"[[", b"\\u202e", b"\x1b]52;")


def written_json(*documents_: object) -> tuple[bytes, ...]:
    """Return documents as they are written."""
    return tuple(json.dumps(document).encode() for document in documents_)


def logged() -> tuple[bytes, ...]:
    """Return the ends of recorded logs."""
    files = sorted((TESTS_DATA / "logs").rglob("*.*"))
    return tuple(file.read_bytes()[-20_000:] for file in files if file.is_file())[:20]


def recorded(name: str) -> tuple[bytes, ...]:
    """Return recorded files of tests/data."""
    return tuple(file.read_bytes() for file in sorted((TESTS_DATA / name).glob("*.yml")))


TARGETS: Mapping[str, Target] = {
    "snapshot": Target(read=snapshot, seeds=(whole_snapshot(), ending(b"{}"))),
    "snapshot-manifest": Target(
        read=manifest_of_snapshot, seeds=written_json(SNAPSHOT | FIGURES), words=WORDS
    ),
    "journal": Target(read=entry, seeds=written_json(JOURNAL), words=WORDS),
    "bundle": Target(read=bundle, seeds=(whole_bundle(),)),
    "bundle-manifest": Target(
        read=manifest_of_bundle, seeds=(MANIFEST.text().encode(),), words=WORDS
    ),
    "images": Target(
        read=images, seeds=(archived({"x:1": "sha256:1"}, index={}, repositories={}),)
    ),
    "env": Target(
        read=env,
        seeds=((ROOT / ".env.example").read_bytes(), b"MEMOS_SRC=a\nNEO4J_PASSWORD='$x'\n"),
    ),
    "compose": Target(
        read=compose_file,
        seeds=tuple(file.read_bytes() for file in sorted((ROOT / "docker").glob("*.yml"))),
    ),
    "resolved": Target(read=resolved_file, seeds=recorded("config")),
    "engine": Target(
        read=engine,
        seeds=written_json(
            RECORDED["version"],
            RECORDED["containers"],
            RECORDED["image"],
            {"Volumes": [{"Name": "a"}]},
            [{"Created": 1, "CreatedBy": "x", "Size": 3}],
        ),
        words=WORDS,
    ),
    "container": Target(
        read=inspected, seeds=written_json(*RECORDED["inspected"].values()), words=WORDS
    ),
    "stream": Target(
        read=stream,
        seeds=(
            framed("2026-01-31T12:00:00.5Z INFO started", "2026-01-31T12:00:01Z x"),
            *(base64.b64decode(log) for log in RECORDED["logs"].values()),
        ),
    ),
    "causes": Target(read=causes, seeds=logged(), words=(b"error", b'"stacktrace":', b"  ,", b"[")),
    "build": Target(
        read=build,
        seeds=(
            b"#1 [internal] load\n#2 [a 1/2] RUN pip\n#2 0.5 Downloading x (3.5 MB)\n",
            b"#2 ERROR: process did not complete: exit code 1\n",
        ),
    ),
    "answer": Target(
        read=answer,
        seeds=written_json({"result": {"config": {"params": {"vectors": {"size": 3}}}}}),
        words=WORDS,
    ),
    "metrics": Target(
        read=told,
        seeds=tuple(file.read_bytes() for file in sorted((TESTS_DATA / "metrics").glob("*.txt"))),
        words=(b'le="+Inf"', b"1e308", b"-1e308", b"NaN", b"\\n"),
    ),
    "reload": Target(
        read=reload,
        seeds=(state(run(7), failed(8)).encode(), state().encode()),
        words=(*WORDS, b'"polling"', b'"superseded"'),
    ),
    "stores": Target(read=stores, seeds=written_json(POINTS, ENDLESS), words=WORDS),
    "editors": Target(
        read=editors,
        seeds=(
            b'// mine\n{"tasks": [{"label": "a"}, /* b */], "x": 1}\n',
            b'{"version": "2.0.0",}',
        ),
        words=WORDS,
    ),
    "kept": Target(read=kept, seeds=written_json(RUN, {"id": {"started_at": ""}}), words=WORDS),
}
"""By the names that the session prints."""
