"""Starting, in a world of its own time: who is launched when, what is told, how it ends."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from scripts.core.finding import Verdict
from scripts.core.look import Container, Look, Reading
from scripts.core.stack import Service
from scripts.start.events import Event, EventKind
from scripts.start.scheduler import STEADY, Onlooker, course, start
from tests.kit.builders import container, reading, service, stack

BEGAN = 50.0
SLACK = 1e-6
"""Seconds by which a sum of naps may be wrong."""
Step = tuple[float, Container | None, Reading | None]
"""From so many seconds after its start on, a service looks and answers like this; None is gone."""


@dataclass(slots=True)
class Life:
    """What becomes of one service once it is launched."""

    before: Container | None
    steps: list[Step] = field(default_factory=list)
    lands: float = 0.0
    """Seconds that the engine takes to carry out the start."""
    refused: str = ""


@dataclass(slots=True)
class FakeWorld:
    """A `scheduler.World` whose services live as the test says; only sleeping moves its clock."""

    lives: dict[str, Life]
    now: float = BEGAN
    launches: dict[str, float] = field(default_factory=dict)
    probed: list[tuple[float, str]] = field(default_factory=list)
    asked_logs: tuple[str, ...] = ()
    log: str = "panic: no space"
    looks: int = 0
    _told: set[str] = field(default_factory=set)
    _readings: dict[str, Reading] = field(default_factory=dict)

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def nap(self, seconds: float) -> None:
        """Let time pass; nothing wakes anybody."""
        self.now += seconds

    def look(self, probed: set[str], *, patience: float) -> Look:
        """Return what there is to see now; like the observer, keep the last reading."""
        del patience
        self.looks += 1
        seen = []
        for name, life in self.lives.items():
            found, answer = self._at(name, life)
            if found is None or found.state != "running":
                self._readings.pop(name, None)
            elif name in probed:
                self.probed.append((self.now, name))
                if answer is not None:
                    self._readings[name] = answer
            seen += [found] if found is not None else []
        return Look(containers=tuple(seen), readings=tuple(self._readings.values()))

    def _at(self, name: str, life: Life) -> tuple[Container | None, Reading | None]:
        runs = life.before is not None and life.before.state == "running"
        landed = BEGAN if runs else self.launches.get(name, float("inf")) + life.lands
        past = [step for step in life.steps if landed + step[0] <= self.now + SLACK]
        return past[-1][1:] if past else (life.before, None)

    def launch(self, one: Container) -> None:
        """Note who was started when."""
        assert one.service not in self.launches
        self.launches[one.service] = self.now

    def launched(self) -> dict[str, str]:
        """Return whose start the engine has carried out since the last call."""
        done = {
            name: self.lives[name].refused
            for name, began in self.launches.items()
            if name not in self._told and self.now + SLACK >= began + self.lives[name].lands
        }
        self._told |= set(done)
        return done

    def with_logs(self, seen: Look, names: tuple[str, ...]) -> Look:
        """Return a log to those that are asked for."""
        self.asked_logs = names
        return replace(seen, logs=dict.fromkeys(names, ("hello", self.log, "bye")))


WEB, DB, QUEUE = service("web", "db", "queue"), service("db"), service("queue", probed=False)
WEB_ALONE = replace(WEB, needs=())
ALL = (DB, QUEUE, WEB)


def well(name: str, after: float = 0.0) -> Life:
    """Return a life that answers `after` seconds from its start."""
    healthy = container(name, health="healthy")
    return Life(
        before=container(name, "created"),
        steps=[
            (0.0, container(name, health="starting"), reading(name, "refused", ok=False)),
            (after, healthy, reading(name)),
        ],
    )


def started(
    world: FakeWorld, *services: Service, timeout: float = 10.0, wanted: tuple[str, ...] = ()
) -> list[Event]:
    """Start these services, or `wanted` of them, to the end; give the events."""
    names = wanted or tuple(one.name for one in services)
    return list(start(stack(*services), names, world, timeout=timeout, clock=world.clock))


def kinds(events: list[Event], *wanted: str) -> list[str]:
    """Return events of these kinds as text."""
    return [f"{one.kind} {one.service}" for one in events if one.kind in wanted]


def codes(events: list[Event]) -> list[str]:
    """Return the codes of all findings."""
    return [one.finding.code for one in events if one.finding is not None]


def test_what_runs_and_answers_is_left_alone() -> None:
    """Nothing started, ready at once; the second look waits for answers that are still open."""
    world = FakeWorld({one.name: well(one.name) for one in ALL})
    for name, life in world.lives.items():
        life.before = container(name, health="healthy")

    events = started(world, *ALL)

    assert (world.launches, world.looks) == ({}, 2)
    assert kinds(events, "ready") == ["ready db", "ready queue", "ready web"]
    assert events[-1] == Event(kind=EventKind.RESULT, seconds=0.0, verdict=Verdict.READY)


def test_nothing_is_launched_before_what_it_needs_is_ready() -> None:
    """The two that need nothing start together; the third when the slower one answers."""
    world = FakeWorld({"db": well("db", 2.0), "queue": well("queue", 3.0), "web": well("web", 1.0)})

    events = started(world, *ALL)

    assert {name: at - BEGAN for name, at in world.launches.items()} == pytest.approx(
        {"db": 0.0, "queue": 0.0, "web": 3.0}
    )
    assert kinds(events, "started", "ready", "result") == [
        "started db",
        "started queue",
        "ready db",
        "ready queue",
        "started web",
        "ready web",
        "result ",
    ]
    assert events[-1].verdict is Verdict.READY
    assert events[-1].seconds == pytest.approx(4.0)


def test_who_waits_by_itself_is_launched_with_the_others() -> None:
    """Its entry point waits for what it needs, and so it is said until that is ready."""
    world = FakeWorld({"db": well("db", 2.0), "queue": well("queue", 3.0), "web": well("web", 3.5)})

    events = started(world, DB, QUEUE, replace(WEB, early=True))

    assert {name: at - BEGAN for name, at in world.launches.items()} == {
        "db": 0.0,
        "queue": 0.0,
        "web": 0.0,
    }
    waits = [one.detail for one in events if (one.kind, one.service) == ("waiting", "web")]
    assert waits == ["waits for db, queue", "waits for queue", "refused"]
    assert events[-1].verdict is Verdict.READY


def test_what_each_service_waits_for_is_told_when_it_changes() -> None:
    """First for both, then for one, then for its own answer: three lines, not one a look."""
    world = FakeWorld({"db": well("db", 1.0), "queue": well("queue", 2.0), "web": well("web", 1.0)})

    events = started(world, *ALL)

    waits = [one.detail for one in events if (one.kind, one.service) == ("waiting", "web")]
    assert waits == ["waits for db, queue", "waits for queue", "created", "refused"]


@pytest.mark.parametrize("needed", [(), ("web",)])
def test_a_container_that_is_not_there_ends_the_run(needed: tuple[str, ...]) -> None:
    """Compose has created all; who removes one meanwhile is not waited for until time is up."""
    world = FakeWorld({"db": Life(before=None), "web": well("web")})
    one = replace(DB, needs=needed)

    events = started(world, WEB_ALONE, one)

    assert "db" not in world.launches
    assert codes(events) == ["container-gone"]
    assert [one.finding.next_step for one in events if one.finding] == ["inv up"]
    assert events[-1].verdict is Verdict.BROKEN
    assert events[-1].seconds == pytest.approx(0.0)


def test_a_container_that_is_removed_while_it_starts_is_told_as_gone() -> None:
    """Somebody typed `docker rm --force` beside us."""
    life = well("db", 99.0)
    life.steps = [(0.0, container("db", health="starting"), None), (1.0, None, None)]

    events = started(FakeWorld({"db": life, "web": well("web")}), DB, WEB_ALONE)

    assert codes(events) == ["container-gone"]
    assert events[-1].verdict is Verdict.BROKEN
    assert events[-1].seconds == pytest.approx(1.0)


@pytest.mark.parametrize(
    "before",
    [
        container("db", "exited", exit_code=137, oom_killed=True),
        container("db", "restarting", restarts=7),
    ],
    ids=["ended", "crash loop"],
)
def test_a_container_left_of_a_former_run_is_started_and_not_reported(before: Container) -> None:
    """It fell yesterday, which says nothing about today; nobody waits for its next restart."""
    life = replace(well("db", 0.5), before=before, lands=0.3)

    events = started(world := FakeWorld({"db": life}), DB)

    assert list(world.launches) == ["db"]
    assert codes(events) == []
    assert events[-1].verdict is Verdict.READY


def test_a_start_under_way_is_not_probed() -> None:
    """While the engine plugs the network in, a first packet is lost, and that costs a second."""
    life = well("db", 0.5)
    life.lands = 2.0
    life.before = container("db", "created")

    started(world := FakeWorld({"db": life}), DB)

    assert min(at for at, _ in world.probed) - world.launches["db"] >= 2.0


def test_a_ready_service_is_probed_once_a_second_while_others_start() -> None:
    """It may fall over again, but there is no need to ask it ten times a second."""
    world = FakeWorld({"db": well("db"), "web": well("web", 4.0)})

    started(world, DB, WEB_ALONE)

    *looks, last = [at for at, name in world.probed if name == "db"]
    assert len(looks) == 4
    assert all(later - at >= 1.0 - SLACK for at, later in pairwise(looks))
    assert last == max(at for at, _ in world.probed), "and once more when all the others answer"


def test_who_waits_by_itself_is_probed_once_a_second_until_its_needs_are_ready() -> None:
    """Before, nothing can come of it; from then on it is looked at as closely as everybody."""
    lives = {"db": well("db", 2.0), "queue": well("queue"), "web": well("web", 3.0)}
    world = FakeWorld(lives)

    started(world, DB, QUEUE, replace(WEB, early=True))

    times = [at - BEGAN for at, name in world.probed if name == "web"]
    gaps = [(later, later - earlier) for earlier, later in pairwise(times)]
    assert all(gap > 0.99 for later, gap in gaps if later <= 2.0)
    assert all(gap < 0.15 for later, gap in gaps if 2.3 < later < 3.0)


def test_a_service_that_was_ready_and_fell_over_is_told_as_lost() -> None:
    """Its crash is a finding; what it was a moment ago does not count."""
    life = well("db", 0.5)
    life.steps.append((2.0, container("db", "exited", exit_code=1), None))
    world = FakeWorld({"db": life, "web": well("web", 5.0)})

    events = started(world, DB, WEB_ALONE)

    assert kinds(events, "ready", "lost", "finding") == ["ready db", "lost db", "finding db"]
    assert events[-1].verdict is Verdict.BROKEN


def test_a_service_that_answers_again_is_ready_again() -> None:
    """One crash may be a late neighbour: the engine starts it again, and all goes on."""
    life = well("db", 0.5)
    life.steps += [
        (1.0, container("db", "restarting", restarts=1), None),
        (2.0, container("db", restarts=1), reading("db")),
    ]
    world = FakeWorld({"db": life, "web": well("web", 3.0)})

    events = started(world, DB, WEB_ALONE)

    assert kinds(events, "ready", "lost") == ["ready db", "lost db", "ready db", "ready web"]
    assert events[-1].verdict is Verdict.READY


def test_a_crash_loop_ends_the_run_with_the_line_of_the_log_that_matters() -> None:
    """Long before the deadline, and with the log of the guilty one only."""
    life = well("db", 99.0)
    life.steps += [
        (1.0 * n, container("db", "restarting", restarts=n, exit_code=2), None) for n in (1, 2, 3)
    ]
    world = FakeWorld({"db": life, "web": well("web")})

    events = started(world, DB, WEB_ALONE, timeout=300)

    assert world.asked_logs == ("db",)
    assert codes(events) == ["crash-loop"]
    (finding,) = [one.finding for one in events if one.finding is not None]
    assert finding.evidence == "panic: no space"
    assert events[-1].verdict is Verdict.BROKEN
    assert events[-1].seconds == pytest.approx(3.0)


def test_a_service_that_ends_at_once_keeps_its_exit_code() -> None:
    """It was never seen running."""
    ends = Life(
        before=container("db", "created"),
        steps=[(0.0, container("db", "exited", exit_code=126), None)],
        lands=0.1,
    )

    events = started(FakeWorld({"db": ends}), DB)

    assert codes(events) == ["ended"]
    assert [one.finding.cause for one in events if one.finding] == ["it ended, exit code 126"]
    assert events[-1].verdict is Verdict.BROKEN


PORT_TAKEN = (
    "driver failed programming external connectivity on endpoint db-1:"
    " Bind for 127.0.0.1:17687 failed: port is already allocated"
)


@pytest.mark.parametrize(
    ("left", "words", "code"),
    [
        *(
            (container("db", state, exit_code=128, error=PORT_TAKEN), PORT_TAKEN, "port-taken")
            for state in ("created", "exited", "dead")
        ),
        (container("db", "created"), "the dog ate it", "start-refused"),
    ],
    ids=["created", "exited", "dead", "unknown words"],
)
def test_a_start_that_the_engine_refuses_is_final_and_keeps_its_words(
    left: Container, words: str, code: str
) -> None:
    """Its error never reaches a log, the container may not keep it; no other finding is made."""
    refused = Life(before=left, lands=0.2, refused=words)

    events = started(FakeWorld({"db": refused, "web": well("web")}), DB, WEB_ALONE)

    assert codes(events) == [code]
    assert [one.finding.evidence for one in events if one.finding] == [words]
    assert events[-1].verdict is Verdict.BROKEN


@pytest.mark.parametrize(
    ("timeout", "late", "verdict"),
    [(2.0, 2.1, Verdict.STARTING), (2.0, 2.0, Verdict.READY), (0.05, 0.05, Verdict.READY)],
)
def test_when_time_is_up_there_is_one_last_look(
    timeout: float, late: float, verdict: Verdict
) -> None:
    """What became ready at the last moment counts; what did not is still starting."""
    world = FakeWorld({"db": well("db", late)})

    events = started(world, DB, timeout=timeout)

    assert events[-1].verdict is verdict
    assert events[-1].seconds == pytest.approx(timeout)


def test_all_must_answer_at_the_same_time() -> None:
    """A service that hung itself up while the last one became ready is not ready."""
    life = well("db", 0.5)
    life.steps.append((2.75, container("db", health="healthy"), reading("db", "silent", ok=False)))
    world = FakeWorld({"db": life, "web": well("web", 2.8)})

    events = started(world, DB, WEB_ALONE, timeout=5.0)

    assert kinds(events, "ready", "lost") == ["ready db", "ready web", "lost db"]
    assert events[-1].verdict is Verdict.STARTING


def test_a_failing_health_check_is_told_when_time_is_up() -> None:
    """Where a probe of ours says more, it is a hint and ends nothing before."""
    life = well("db", 99.0)
    sick = container("db", health="unhealthy", health_output="curl: (7)")
    life.steps.append((0.5, sick, reading("db", "refused", ok=False)))

    events = started(FakeWorld({"db": life}), DB, timeout=3.0)

    assert codes(events) == ["unhealthy"]
    assert events[-1].verdict is Verdict.STARTING
    assert events[-1].seconds == pytest.approx(3.0)


def test_a_container_that_somebody_paused_is_told_and_left_alone() -> None:
    """It is not ours to unpause."""
    world = FakeWorld({"db": Life(before=container("db", "paused"))})

    events = started(world, DB)

    assert world.launches == {}
    assert len(codes(events)) == 1
    assert events[-1].verdict is Verdict.BROKEN


def test_old_crashes_of_a_running_container_do_not_count() -> None:
    """It runs again and has yet to answer: only what happens from now on is held against it."""
    old = container("db", "running", restarts=7)
    world = FakeWorld({"db": Life(before=old, steps=[(0.0, old, reading("db", ok=False))])})

    events = started(world, DB, timeout=1.0)

    assert codes(events) == []
    assert events[-1].verdict is Verdict.STARTING


def test_what_is_not_wanted_is_neither_started_nor_waited_for() -> None:
    """Only the wanted names count; the world may hold more."""
    world = FakeWorld({"db": well("db"), "web": well("web")})

    events = started(world, DB, WEB_ALONE, wanted=("db",))

    assert kinds(events, "ready") == ["ready db"]
    assert list(world.launches) == ["db"]


def test_a_health_check_that_passed_a_while_ago_is_run_again_before_all_is_ready() -> None:
    """The engine's last result may be half a minute old; what fails now is waited for."""
    life = Life(before=container("queue", health="healthy"))
    life.steps = [
        (0.0, container("queue", health="healthy"), reading("queue", "alarm", ok=False)),
        (2.0, container("queue", health="healthy"), reading("queue", "healthy")),
    ]

    events = started(world := FakeWorld({"queue": life}), QUEUE)

    assert kinds(events, "ready", "lost") == ["ready queue"]
    assert (events[-1].verdict, events[-1].seconds >= 2.0) == (Verdict.READY, True)
    assert len(world.probed) <= 4, "once a second at most: each is a process"


def test_a_health_check_that_has_just_passed_is_not_run_again() -> None:
    """It takes 0.1 s, and a command that has nothing to do hardly longer."""
    lives = {name: Life(before=container(name, health="healthy")) for name in ("queue", "web")}
    lives["queue"].steps = [(0.0, container("queue", health="healthy"), reading("queue"))]
    lives["web"].steps = [(0.5, container("web"), reading("web"))]
    world = FakeWorld(lives)

    events = started(world, QUEUE, WEB_ALONE)

    assert events[-1].verdict is Verdict.READY
    assert [at - BEGAN for at, name in world.probed if name == "queue"] == [0.0]


def test_who_waits_for_a_service_that_is_well_for_long_is_cut_off() -> None:
    """Diagnosis is told who has been ready for a while; a wait that has just ended is no fault."""
    waits = "milvus: no answer from etcd at http://db-1:2379/ for 2 s (curl: (7)); waiting"
    life = well("web", 99.0)
    world = FakeWorld({"db": well("db", 1.0), "web": life}, log=waits)

    events = started(world, DB, replace(WEB, needs=("db",)), timeout=60)

    (finding,) = [one.finding for one in events if one.finding is not None]
    assert (finding.service, finding.code) == ("web", "network-cut")
    assert events[-1].seconds >= 1.0 + STEADY


def test_a_login_that_is_rejected_is_not_tried_ten_times_a_second() -> None:
    """Neo4j locks out who does; once a second is enough to see that it is settled."""
    rejected = reading("db", "401: it rejects the login", ok=False, final=True)
    healths = ((0.0, "starting"), (2.5, "healthy"))
    steps: list[Step] = [(at, container("db", health=health), rejected) for at, health in healths]
    life = Life(before=container("db", "created"), steps=steps)

    events = started(world := FakeWorld({"db": life}), DB)

    assert codes(events) == ["login-rejected"]
    assert len(world.probed) <= 4


def waited(
    world: FakeWorld, *services: Service, timeout: float = 10.0, busy: bool = False
) -> list[Event]:
    """Wait for these services, which somebody else starts or not; give the events."""
    names = tuple(one.name for one in services)
    run = Onlooker(stack(*services), names, world, lambda: busy, world.clock)
    events = list(course(run, timeout))
    assert kinds(events, "started") == []
    return events


def test_what_somebody_else_starts_is_waited_for() -> None:
    """Also where there is no container yet; whoever waits starts nothing."""
    world = FakeWorld({"db": well("db", after=1.0), "web": well("web", after=0.5)})
    world.lives["web"].before = None
    world.launches |= {"db": BEGAN + 2, "web": BEGAN + 4}

    events = waited(world, DB, replace(WEB, needs=("db",)))

    assert kinds(events, "ready") == ["ready db", "ready web"]
    assert events[-1].verdict is Verdict.READY
    assert events[-1].seconds == pytest.approx(4.5)


@pytest.mark.parametrize("before", [None, container("db", "created"), container("db", "exited")])
def test_what_nobody_starts_is_waited_for_until_time_is_up(before: Container | None) -> None:
    """How a container ended before is no finding: `inv up` is yet to come, for all that is known.

    Neither is an error that the engine has kept of a start back then.
    """
    if before is not None:
        before = replace(before, error="no such device")
    events = waited(FakeWorld({"db": Life(before=before)}), DB)

    assert codes(events) == []
    assert events[-1].verdict is Verdict.STARTING
    assert events[-1].seconds == pytest.approx(10.0)


OVER = [
    ("ended", container("db", "exited", exit_code=3)),
    ("start-refused", container("db", "created", error="no such device")),
]


@pytest.mark.parametrize(("code", "left"), OVER)
def test_waiting_ends_as_soon_as_it_cannot_help(code: str, left: Container) -> None:
    """What ended or was refused since we came stays so: its cause is told at once."""
    runs = container("db", health="starting")
    world = FakeWorld({"db": Life(before=runs, steps=[(2.0, left, None)])})
    if code == "start-refused":  # it is another container than the one that ran
        world.lives["db"].steps[0] = (2.0, replace(left, id="another"), None)

    events = waited(world, DB)

    assert codes(events) == [code]
    assert events[-1].verdict is Verdict.BROKEN
    assert events[-1].seconds == pytest.approx(2.0)


@pytest.mark.parametrize(("code", "left"), OVER)
def test_who_has_stopped_may_come_again_while_a_command_is_at_work(
    code: str, left: Container
) -> None:
    """`inv restart` stops before it starts."""
    runs, healthy = container("db", health="starting"), container("db", health="healthy")
    steps: list[Step] = [(2.0, left, None), (4.0, healthy, reading("db"))]

    events = waited(FakeWorld({"db": Life(before=runs, steps=steps)}), DB, busy=True)

    assert code not in codes(events)
    assert events[-1].verdict is Verdict.READY


def test_a_crash_loop_ends_the_wait_whoever_is_at_work() -> None:
    """Nobody mends that by waiting."""
    runs, falls = container("db"), container("db", "restarting", restarts=5, exit_code=1)
    world = FakeWorld({"db": Life(before=runs, steps=[(2.0, falls, None)])})

    events = waited(world, DB, busy=True)

    assert codes(events) == ["crash-loop"]
    assert events[-1].verdict is Verdict.BROKEN
