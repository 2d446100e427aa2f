"""What a look means: each rule, and what they amount to."""

from dataclasses import replace

import pytest

from scripts.core.finding import Finding, Verdict
from scripts.core.look import Container, Health, Look, Reading
from scripts.core.stack import Auth, Probe, Service
from scripts.diagnosis.readiness import answers, last_answer
from scripts.diagnosis.rules import diagnose, troubled, verdict
from tests.kit.builders import container, reading, service, stack

WEB = service("web", memory=512 * 2**20)
DB = service("db", probed=False)
JOB = service("job", probed=False, one_shot=True)
STACK = stack(WEB, DB, JOB)


def look(*seen: Container | Reading, **logs: list[str]) -> Look:
    """Return a look at these containers, readings and logs."""
    return Look(
        containers=tuple(one for one in seen if isinstance(one, Container)),
        readings=tuple(one for one in seen if isinstance(one, Reading)),
        logs={name: tuple(lines) for name, lines in logs.items()},
    )


def findings(seen: Look) -> list[Finding]:
    """Return all findings of a look."""
    return list(diagnose(STACK, STACK.names(), seen))


WRONG_PASSWORD = "401: it rejects the login of neo4j"
OTHER_SIZE = "collection c holds vectors of 768 numbers, wanted 384 (EMBEDDING_DIMENSION)"
VOLUME = "its volume was made with another setting"
LIMIT = "killed at its memory limit of 512 MiB"
UNREADY = reading("web", ok=False)


@pytest.mark.parametrize(
    ("seen", "code", "cause"),
    [
        (look(container("web", "exited", exit_code=137, oom_killed=True)), "out-of-memory", LIMIT),
        (look(container("web", oom_killed=True), UNREADY), "out-of-memory", LIMIT),
        (
            look(container("web", "restarting", restarts=3, exit_code=1)),
            "crash-loop",
            "it crashed 3 times, exit code 1",
        ),
        (
            look(container("web", restarts=4, exit_code=2), UNREADY),
            "crash-loop",
            "it crashed 4 times",
        ),
        (look(container("web", "exited", exit_code=3)), "ended", "it ended, exit code 3"),
        (look(container("web", "dead", exit_code=130)), "ended", "it ended, exit code 130"),
        (look(container("job", "exited", exit_code=1)), "ended", "it ended, exit code 1"),
        # the engine would have started it again: Attu leaves 1 when it is stopped
        (
            look(container("web", "exited", exit_code=1, kept=True)),
            "stopped",
            "somebody stopped it (exit code 1)",
        ),
        (
            look(container("web", "created", exit_code=128, error="port is already allocated")),
            "start-refused",
            "the engine could not start it",
        ),
        (look(container("web", "paused")), "paused", "it is paused"),
        (
            look(container("web"), reading("web", WRONG_PASSWORD, ok=False, final=True)),
            "login-rejected",
            f"it rejects the stack's login; {VOLUME}",
        ),
        (
            look(container("web"), reading("web", OTHER_SIZE, ok=False, final=True)),
            "data-mismatch",
            f"it holds data of another kind; {VOLUME}",
        ),
        (look(container("db", health="unhealthy")), "unhealthy", "its health check fails"),
    ],
)
def test_a_sick_service_has_one_finding_with_its_cause(seen: Look, code: str, cause: str) -> None:
    """Each rule speaks alone, in words that a user reads, with something to type next."""
    (finding,) = findings(seen)

    assert (finding.code, finding.cause, finding.fatal) == (code, cause, True)
    assert finding.service == seen.containers[0].service
    assert finding.next_step


def test_a_check_that_failed_ends_a_start_only_when_it_fails_now_too() -> None:
    """Where it can be run it is asked itself; only then is waiting in vain."""
    sick = container("db", health="unhealthy", check=("CMD", "true"))

    (before,) = findings(look(sick))
    (now,) = findings(look(sick, reading("db", "exit code 1", ok=False)))

    assert (before.code, before.fatal) == ("unhealthy", False)
    assert (now.code, now.fatal) == ("unhealthy", True)


def test_an_object_store_keeps_no_login_in_its_volume() -> None:
    """It takes it from its variables at every start, so no data is in the way of another one."""
    auth = Auth(kind="s3", user="minio", password="another-one")
    store = replace(WEB, probes=(Probe(kind="http", port=1, auth=auth),), data_group="milvus")
    seen = look(container("web"), reading("web", WRONG_PASSWORD, ok=False, final=True))

    (found,) = diagnose(stack(store), ("web",), seen)

    assert (found.code, found.fatal) == ("login-rejected", True)
    assert "volume" not in found.cause
    assert "reset" not in found.next_step


def test_a_login_that_is_rejected_is_no_reason_to_delete_data() -> None:
    """The former value opens it; data of another kind was asked itself."""
    kept = replace(WEB, data_group="graph")
    for detail, deletes in ((WRONG_PASSWORD, False), (OTHER_SIZE, True)):
        seen = look(container("web"), reading("web", detail, ok=False, final=True))
        (found,) = diagnose(stack(kept), ("web",), seen)

        assert found.next_step.startswith("put the former value back into .env, then: inv up")
        assert ("inv reset --service web" in found.next_step) is deletes


def test_a_failing_check_stops_nothing_where_a_probe_says_more() -> None:
    """The engine's check is coarse: its word is final only where there is no other."""
    (finding,) = findings(look(container("web", health="unhealthy")))

    assert (finding.code, finding.fatal) == ("unhealthy", False)


@pytest.mark.parametrize("health", ["healthy", "unhealthy"])
def test_who_may_stand_at_a_breakpoint_is_not_called_sick(health: str) -> None:
    """It answers nobody, neither us nor the engine, until it is let go on."""
    held = container("web", health=health, debugger="127.0.0.1:5678")

    (finding,) = findings(look(held, UNREADY))

    assert (finding.code, finding.fatal) == ("halted", False)
    assert "a debugger (127.0.0.1:5678) may hold it" in finding.cause
    assert findings(look(replace(held, health=Health.STARTING), UNREADY)) == []
    assert findings(look(replace(held, health=Health.HEALTHY), reading("web"))) == []
    answering = look(held, reading("web", "500: it failed", ok=False))
    assert "halted" not in [one.code for one in findings(answering)]


@pytest.mark.parametrize(
    "seen",
    [
        look(),
        look(container("web", "created")),
        look(container("web", health="healthy"), reading("web")),
        look(container("web", health="starting"), reading("web", "connection refused", ok=False)),
        look(container("web", "restarting", restarts=2)),
        look(container("web", restarts=9), reading("web")),
        look(container("web", oom_killed=True), reading("web")),
        look(container("db", restarts=9, health="healthy")),
        look(container("job", "exited", exit_code=0)),
        # the engine's last check was before the machine slept
        look(container("db", health="unhealthy"), reading("db")),
        look(container("db", health="unhealthy", health_output="")),
        # crashed long ago, and asked for the first time: a probe takes longer than the first look
        look(container("web", restarts=5)),
        look(container("web", oom_killed=True)),
    ],
)
def test_what_is_well_or_still_on_its_way_is_no_finding(seen: Look) -> None:
    """One crash may be a late neighbour, and what happened before it answered is history."""
    assert findings(seen) == []


@pytest.mark.parametrize(
    ("health", "codes"),
    [
        ("starting", []),
        ("unhealthy", ["unhealthy"]),
        ("healthy", ["login-rejected"]),
        ("", ["login-rejected"]),
    ],
)
def test_a_rejected_login_counts_once_the_service_has_settled(
    health: str, codes: list[str]
) -> None:
    """A server that still loads its logins rejects all of them; one without a check is believed."""
    seen = look(
        container("web", health=health), reading("web", WRONG_PASSWORD, ok=False, final=True)
    )

    assert [finding.code for finding in findings(seen)] == codes


VICTIM = service("victim", "db", "web")
NEEDY = stack(DB, WEB, VICTIM)
READY = (container("db", health="healthy"), container("web"), reading("web"))


@pytest.mark.parametrize(
    ("victim", "code"),
    [
        (container("victim", "restarting", restarts=3, exit_code=1), "crash-loop"),
        (container("victim", health="unhealthy"), "unhealthy"),
    ],
)
def test_who_fails_for_want_of_a_neighbour_is_not_told(victim: Container, code: str) -> None:
    """Only when all that it needs is ready is it to blame itself."""
    for waiting in ((), READY[:1], READY[1:]):
        assert diagnose(NEEDY, ("victim",), look(victim, *waiting)) == ()

    (finding,) = diagnose(NEEDY, ("victim",), look(victim, *READY))
    assert finding.code == code


@pytest.mark.parametrize(
    ("victim", "code"),
    [
        (container("victim", "exited", exit_code=1), "ended"),
        (container("victim", "paused"), "paused"),
        (container("victim", "exited", exit_code=137, oom_killed=True), "out-of-memory"),
        (container("victim", "created", error="no such program"), "start-refused"),
    ],
)
def test_what_no_neighbour_can_mend_is_told_at_once(victim: Container, code: str) -> None:
    """Nobody starts these again, whoever becomes ready."""
    (finding,) = diagnose(NEEDY, ("victim",), look(victim))

    assert finding.code == code


def test_the_engines_own_reason_comes_before_the_log() -> None:
    """An error such as a missing program never reaches the log."""
    error = 'exec: "milvus": executable file not found in $PATH'
    (finding,) = findings(
        look(container("web", "exited", exit_code=127, error=error), web=["hello"])
    )

    assert finding.evidence == error


@pytest.mark.parametrize(
    ("lines", "telling"),
    [
        (["fatal: no space", "an error", "bye"], "fatal: no space"),
        (["error one", "error two", "bye"], "error two"),
        (["  Permission DENIED  ", "", "bye"], "Permission DENIED"),
        (["one", "two", "  "], "two"),
        ([], ""),
    ],
)
def test_the_evidence_is_the_line_of_the_log_that_matters(lines: list[str], telling: str) -> None:
    """The last line with the strongest word, or simply the last."""
    (finding,) = findings(look(container("web", "exited", exit_code=1), web=lines))

    assert finding.evidence == telling


def test_a_failing_health_check_shows_what_it_printed() -> None:
    """Its own words are the evidence."""
    sick = container("db", health="unhealthy", health_output="curl: (7) refused")
    (finding,) = findings(look(sick, db=["the log"]))

    assert finding.evidence == "curl: (7) refused"


def test_what_was_just_unpaused_is_no_fault() -> None:
    """The engine calls it unhealthy until its next check, though no check has failed."""
    assert findings(look(container("db", health="unhealthy", health_output=""))) == []


@pytest.mark.parametrize(
    ("one", "seen", "ready"),
    [
        (WEB, look(container("web"), reading("web")), True),
        (WEB, look(container("web"), reading("web", ok=False)), False),
        (WEB, look(container("web", health="healthy")), False),
        (WEB, look(container("web", "paused"), reading("web")), False),
        (WEB, look(), False),
        (DB, look(container("db", health="healthy")), True),
        (DB, look(container("db", health="starting")), False),
        (DB, look(container("db")), False),
        (JOB, look(container("job", "exited", exit_code=0)), True),
        (JOB, look(container("job", "exited", exit_code=1)), False),
        (JOB, look(container("job")), False),
    ],
)
def test_ready_means_that_a_real_call_was_answered(
    one: Service, seen: Look, *, ready: bool
) -> None:
    """Without probes the engine's check must pass; a job must have ended well."""
    assert answers(one, seen) is ready


FATAL = Finding(code="ended", cause="it ended", next_step="inv logs")
HARMLESS = Finding(code="unhealthy", cause="a flash", next_step="inv logs", fatal=False)


@pytest.mark.parametrize(
    ("ok", "findings", "expected"),
    [
        (True, (), Verdict.READY),
        (True, (HARMLESS,), Verdict.READY),
        (True, (HARMLESS, FATAL), Verdict.BROKEN),
        (False, (), Verdict.STARTING),
        (False, (HARMLESS,), Verdict.STARTING),
        (False, (FATAL,), Verdict.BROKEN),
    ],
)
def test_the_verdict_follows_from_the_findings_and_the_answers(
    findings: tuple[Finding, ...], expected: Verdict, *, ok: bool
) -> None:
    """Broken beats ready, and only an answer of every service is ready."""
    seen = look(container("web"), reading("web", ok=ok))

    assert verdict(STACK, ("web",), seen, findings) is expected


def test_findings_come_in_the_order_of_the_file() -> None:
    """What others depend on stands first there, so the cause comes before its victims."""
    seen = look(container("job", "exited", exit_code=1), container("web", "paused"))

    assert [finding.service for finding in findings(seen)] == ["web", "job"]


@pytest.mark.parametrize(
    ("seen", "answer"),
    [
        (look(container("web"), reading("web", "refused", ok=False)), "refused"),
        (look(container("web", health="starting")), "starting"),
        (look(container("web", "exited")), "exited"),
        (look(), "no container"),
    ],
)
def test_what_a_service_answered_last_is_else_how_its_container_is(seen: Look, answer: str) -> None:
    """There is always a word to show."""
    assert last_answer(seen, "web") == answer


@pytest.mark.parametrize("answer", ["500: it failed", "404: not yet", "refused"])
def test_the_log_of_what_answers_that_it_failed_is_read(answer: str) -> None:
    """An answer is quoted in short, and the reason may stand at its end."""
    seen = look(container("web", health="healthy"), reading("web", answer, ok=False))

    assert troubled(WEB, seen) is answer.startswith("500")
