"""All signatures together: what is well triggers none, and every code is explained."""

import ast
import re

import pytest

from scripts.diagnosis.causes import calls
from scripts.diagnosis.causes.catalogue import SIGNATURES, recognised
from scripts.diagnosis.causes.pulls import pull_cause
from scripts.diagnosis.evidence import SHOWN, masked
from scripts.diagnosis.failure import Failure
from tests.kit.builders import container, reading
from tests.kit.places import ROOT
from tests.kit.recorded import SECRET, Case, recorded, sick, told

HEALTHY = (
    *("etcd-healthy", "neo4j-healthy", "qdrant-healthy", "minio-healthy", "seaweedfs-healthy"),
    *("memos-healthy", "milvus-starting"),
)
SIGNED = Case(log="etcd-wal-damaged")


@pytest.mark.parametrize("log", HEALTHY)
@pytest.mark.parametrize("answer", ["connection refused", "no answer in time", "503: not ready"])
def test_a_healthy_start_with_its_harmless_lines_is_no_fault(log: str, answer: str) -> None:
    """Not even while it does not answer yet."""
    lines = recorded(log)
    for end in range(1, len(lines) + 1):
        case = Case(said="\n".join(lines[:end]), state="running", answer=answer)
        assert told(case) == []


def test_who_answers_has_no_fault_whatever_it_said() -> None:
    """What stands in the log was before; and what was not probed yet is not known."""
    one, seen = sick(SIGNED)
    for readings in ((reading(one.name),), ()):
        now = type(seen)(
            containers=(container(one.name), *seen.containers[1:]),
            readings=readings,
            logs=seen.logs,
        )
        assert recognised(Failure.of(one, now.containers[0], now)) is None


CAUSES = tuple((ROOT / "scripts" / "diagnosis" / "causes").glob("*.py"))


def test_no_pattern_looks_beyond_its_line() -> None:
    """A log is searched as one text first: there, what must not follow would be the next line."""
    for path in CAUSES:
        assert not re.search(r"\(\?!|\(\?<!|\\Z|\\A", path.read_text(encoding="utf-8"))
    assert len(CAUSES) > 1


def test_every_signature_is_listed() -> None:
    """One that is not would never be asked."""
    listed = {signature.__name__ for signature in (*SIGNATURES, *calls.SIGNATURES)}
    written = {
        node.name
        for path in CAUSES
        if path.stem not in {"__init__", "catalogue", "pulls"}
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }

    assert written - {"explained"} == listed
    assert listed


def test_every_code_is_explained() -> None:
    """docs/causes.md has one row a code, and no other."""
    others = (
        *("diagnosis/failure.py", "diagnosis/preflight.py", "watch/early.py"),
        *("watch/reload/findings.py", "commands/flows/reload.py"),
    )
    paths = (*CAUSES, *(ROOT / "scripts" / other for other in others))
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    begin = r"(?:Cause\(|: \(|fatal\(|advice\(|_wrong\()"
    used = set(re.findall(rf"""{begin}\s*"([a-z0-9]+(?:-[a-z0-9]+)*)",""", text))
    rows = (ROOT / "docs" / "causes.md").read_text(encoding="utf-8").splitlines()
    explained = [found[1] for row in rows if (found := re.match(r"\| `([a-z0-9-]+)` \|", row))]

    assert len(explained) == len(set(explained))
    assert set(explained) == used


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("MINIO_ROOT_PASSWORD=hunter22 and more", "MINIO_ROOT_PASSWORD=*** and more"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("Authorization: Bearer root:12345678", "Authorization: Bearer ***"),
        ("key sk-abcdefghij is wrong", "key *** is wrong"),
        ("http://me:pw@host/x", "http://me:***@host/x"),
        ("postgres://me:pw@a,amqp://:pw@b", "postgres://me:***@a,amqp://:***@b"),
        ("/" * 9 + "pw@h ://me:pw@h", "/" * 9 + "pw@h ://me:***@h"),
        ("neo4j/hunter22 is invalid", "*** is invalid"),
        ("neo4j/hunter/22/ is invalid", "*** is invalid"),
        ("hunter22 is invalid", "hunter22 is invalid"),
        (f"it said {SECRET}", "it said ***"),
        ("an ordinary line", "an ordinary line"),
        pytest.param("token" * 20_000, "token" * 20_000, id="a long word, read once"),
    ],
)
def test_secrets_are_hidden(said: str, shown: str) -> None:
    """Passwords of the service's probes, and what looks like a secret."""
    assert masked(said, sick(SIGNED)[0]) == shown


def test_a_long_line_is_cut_around_what_it_tells() -> None:
    """Milvus writes its whole stack into one line."""
    line = "x" * 1000 + " no space left on device " + "y" * 1000
    (found,) = told(Case(said=line))

    assert "no space left on device" in found.evidence
    assert len(found.evidence) <= SHOWN + 1


def test_a_secret_is_hidden_before_a_line_is_cut() -> None:
    """Half of a password would not be recognised as one."""
    for blanks in range(60, 90):
        line = SECRET + " " * blanks + "no space left on device" + "y" * 300
        (found,) = told(Case(said=line))
        assert "battery" not in found.evidence


def test_an_engine_that_lacks_an_image_is_told_as_a_pull_is() -> None:
    """One place knows those texts."""
    error = "pull access denied for minio/minio, repository does not exist"
    case = Case(state="created", facts={"error": error})
    service, seen = sick(case)
    cause = pull_cause(error)

    assert cause is not None
    failure = Failure.of(service, seen.containers[0], seen)
    assert told(case) == [failure.finding(cause, error)]
