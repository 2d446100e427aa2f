"""Each rule about the resolved compose file, broken once, and the message that a user reads."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.config.rules.resolved import check_resolved
from scripts.config.rules.text import parse
from scripts.core.files import Json
from tests.kit.places import ROOT

RECORDED = sorted((ROOT / "tests" / "data" / "config").glob("*.yml"))
GONE = object()
X_KEYS = (
    "x-probe, x-no-probe, x-one-shot, x-data-group, x-open, x-not-offered, x-start, x-cpu-flags,"
    " x-cpu-wishes, x-build-seconds, x-wanted, x-image-volumes, x-shell-user, x-metrics, x-source,"
    " x-place, x-swarm-command, x-external"
)

HEALTH = {
    "test": ["CMD", "curl", "--noproxy", "*", "-f", "http://127.0.0.1:80/"],
    "interval": "30s",
    "timeout": "5s",
    "start_period": "2m0s",
    "start_interval": "500ms",
}
NAMES = "localhost,127.0.0.1,web,db,the-db,zoo,mid,end"
COMMON = {
    "cap_drop": ["NET_RAW", "MKNOD"],
    "pids_limit": 2048,
    "environment": {"NO_PROXY": NAMES, "no_proxy": f".more,{NAMES}"},
    "restart": "unless-stopped",
    "security_opt": ["no-new-privileges:true"],
    "logging": {"driver": "json-file", "options": {"max-size": "10m"}},
    "mem_limit": "1073741824",
    "healthcheck": HEALTH,
}
WEB = {
    **COMMON,
    "image": "docker.io/library/web:1.2",
    "container_name": "web",
    "depends_on": {"db": {"condition": "service_healthy", "required": True}},
    "ports": [{"target": 80, "published": "8080", "protocol": "tcp"}],
    "volumes": [{"type": "bind", "source": "/src", "target": "/src", "read_only": True}],
    "x-probe": [{"kind": "http", "target": 80, "method": "POST", "json": {}, "expect": "ok"}],
    "build": {"context": "/web"},
    "pull_policy": "never",
    "x-open": [{"target": 80, "path": "/", "label": "Web"}],
    "x-start": "early",
    "x-place": {"label": "role=web", "near": "db"},
    "x-swarm-command": ["sh", "-c", "true"],
}
DB: dict[str, Any] = {
    **COMMON,
    "image": "registry.example:5000/db@sha256:" + "0" * 64,
    "container_name": "db",
    "ports": [{"target": 6333, "published": "6333", "protocol": "tcp"}],
    "volumes": [
        {"type": "volume", "source": "db_data", "target": "/data"},
        {"type": "tmpfs", "target": "/scratch"},
    ],
    "networks": {"default": {"aliases": ["the-db"]}},
    "x-image-volumes": ["/data", "/scratch"],
    "x-probe": [
        {
            "kind": "vectors",
            "target": 6333,
            "collection": "c",
            "size": "384",
            "marker": "m",
            "model": "e5",
            "same-as": "",
        },
        {"kind": "bolt", "target": 6333},
    ],
    "x-not-offered": ["6334, gRPC"],
    "x-cpu-flags": ["avx", "sse4_2"],
    "x-cpu-wishes": ["avx2"],
    "x-build-seconds": 12.5,
    "x-data-group": "db",
}
GOOD = {"name": "test", "services": {"web": WEB, "db": DB}, "networks": {"default": None}}
AUTH = {"kind": "basic", "user": "u", "password": "hunter2"}
PROBE_KEYS = (
    "kind, target, method, path, json, auth, expect, collection, size, marker, database,"
    " model, same-as"
)
UNKNOWN = "found a key that is not known, wanted"
ONE_REASON = "exactly one of x-probe, x-no-probe (the reason), x-one-shot"
UNPRIVILEGED = "wanted a build without privileges"
THROUGH = "wanted a password, through a variable"
NEVER = "never: Compose would first ask a registry, where anybody may have that name"
VOLUMES = "the folders that the image itself makes volumes of (VOLUME), [] for none"
DROPPED = "a list of dropped capabilities, NET_RAW or ALL among them"
DIRECTLY = "the names of all services, with commas between"
PINNED = "a pinned image: a tag other than latest, or a digest"
ONLY_HTTP = "no such key: only kind http has it"
ONLY_VECTORS = "no such key: only kind vectors has it"


def broken(path: str, value: object) -> Json:
    """Return the good document with one value set, or gone, at a path such as `web/image`."""
    document: Any = json.loads(json.dumps(GOOD))  # a deep copy would keep HEALTH shared
    *steps, last = (int(s) if s.isdigit() else s for s in path.split("/"))
    place: Any = document if path.startswith("/") else document["services"]
    for step in filter(lambda step: step != "", steps):
        place = place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return document


def messages(document: object) -> list[str]:
    """Return the lines that a user would read, without the file's name, which is checked here."""
    lines = [str(breach) for breach in check_resolved(document, "c.yml")]
    assert all(line.startswith("c.yml: ") for line in lines)
    return [line.removeprefix("c.yml: ") for line in lines]


def test_a_good_document_breaks_no_rule() -> None:
    """The small document that the other tests break is right."""
    assert messages(GOOD) == []


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_the_compose_files_break_no_rule(path: Path) -> None:
    """What Compose 2.26.1 resolved our files to passes, with and without the embedder."""
    assert check_resolved(yaml.safe_load(path.read_text(encoding="utf-8")), path.name) == ()


@pytest.mark.parametrize(
    ("recorded", "files"),
    [
        ("registry.yml", ["docker-compose.yml"]),
        ("packages.yml", ["docker-compose.yml", "docker-compose.packages.yml"]),
        ("packages-without-milvus.yml", ["docker-compose.yml", "docker-compose.packages.yml"]),
    ],
)
def test_the_recorded_answers_have_the_services_of_the_compose_files(
    recorded: str, files: list[str]
) -> None:
    """Record anew after adding one: `ENV_FILE=/nonexistent docker compose … config`."""
    path = ROOT / "tests" / "data" / "config" / recorded
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    written: set[str] = set()
    for file in files:
        text = (ROOT / "docker" / file).read_text(encoding="utf-8")
        services: Any = parse(text, file)["services"]
        written |= set(services)

    assert written == set(document["services"])


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        # pinned images
        ("web/image", "neo4j:latest", PINNED),
        ("web/image", "localhost:5000/neo4j", PINNED),
        ("web/image", GONE, PINNED),
        # health checks
        ("web/healthcheck", GONE, "a health check with start_period and start_interval"),
        ("web/healthcheck/start_period", GONE, "a duration such as 120s"),
        ("web/healthcheck/start_interval", GONE, "a duration such as 500ms"),
        ("web/healthcheck/timeout", GONE, "a duration such as 5s"),
        ("web/healthcheck/timeout", "5", "a duration such as 500ms"),
        ("web/healthcheck/timeout", 5.0, "a duration such as 500ms"),
        ("web/healthcheck/timeout", None, "a duration such as 500ms"),
        ("web/healthcheck/interval", "1s", "5s or more, calm after start_period"),
        (
            "web/healthcheck/start_interval",
            "1m0s",
            "2s or less: it decides how soon a start is seen",
        ),
        ("web/healthcheck/start_period", "0s", "1s or more: start_interval holds only inside it"),
        ("web/healthcheck/timeout", "0s", "more than 0s, which means the engine's 30s"),
        ("web/healthcheck/disable", True, "a health check that is on"),
        ("web/healthcheck/test", "curl -f http://127.0.0.1/", "a command after CMD or CMD-SHELL"),
        ("web/healthcheck/test/0", "curl", "one of CMD, CMD-SHELL"),
        # probes
        ("web/x-probe", GONE, ONE_REASON),
        ("web/x-probe/0/path", "index.html", "a path that begins with /"),
        ("web/x-probe/0/method", "get", "one of GET, HEAD, POST, PUT"),
        ("web/x-probe/0/expect", "", "text that the answer must hold"),
        ("db/x-probe/1/kind", GONE, "the key kind"),
        ("db/x-probe/1/size", 384, ONLY_VECTORS),
        ("db/x-probe/0/method", "GET", ONLY_HTTP),
        ("web/x-probe", [], "a list of calls"),
        ("web/x-probe/0/kind", "tcp", "one of http, bolt, vectors"),
        ("web/x-probe/0/target", 81, "a port that the service publishes (80)"),
        ("web/x-probe/0/size", 384, ONLY_VECTORS),
        ("db/x-probe/0/expect", "ok", ONLY_HTTP),
        ("db/x-probe/1/path", "/", ONLY_HTTP),
        ("db/x-probe/0/size", "many", "how many numbers a vector has"),
        ("db/x-probe/0/collection", GONE, "the collection and the size of its vectors"),
        # where it runs, and how, where there are several machines
        ("web/x-place", "db", "what it needs of a node: label, spread, near"),
        (
            "web/x-place/label",
            "store",
            "NAME=VALUE of a node's label, as docker node update --label-add sets it",
        ),
        ("web/x-place/spread", "yes", "true, or no such key"),
        ("web/x-place/near", "dbs", "one of db"),
        ("web/x-place/near", "web", "one of db"),
        ("web/x-swarm-command", "web", "the words of its command where all start at once"),
        # what people open, what is not offered, how it starts
        ("web/x-open/0/target", 81, "a port that the service publishes (80)"),
        ("web/x-open/0/label", GONE, "what opens there"),
        ("db/x-not-offered", "gRPC", "a list of what this image does not offer"),
        ("db/x-cpu-flags", "avx", "a list of features that the processor must have"),
        ("db/x-build-seconds", 0, "how many seconds its build takes, about"),
        ("db/x-cpu-flags/1", "", "a flag of /proc/cpuinfo"),
        ("web/x-start", "late", "early, or no such key"),
        # dependencies
        ("web/depends_on/db/condition", "service_started", "service_healthy"),
        ("web/depends_on", ["db"], "dependencies with a condition"),
        # ports
        ("db/ports/0/published", "8000-8010", "one host port, through a variable"),
        # data
        ("db/x-data-group", GONE, "the data group that its volumes belong to"),
        ("web/volumes/0/read_only", False, "true; data belongs in a named volume"),
        ("db/volumes/0/source", GONE, "the name of a volume"),
        (
            "web/volumes/0/type",
            "npipe",
            "a named volume for data, or a bind mount that is read_only",
        ),
        # nothing that reaches out of the container
        (
            "web/volumes/0/source",
            "/var/run/docker.sock",
            "no socket of the host: who holds the engine's is root",
        ),
        ("web/privileged", True, "a container without privileges"),
        ("web/network_mode", "host", "a network of the project, not the host's"),
        ("web/pid", "host", "the container's own processes"),
        ("web/ipc", "host", "the container's own memory"),
        ("web/uts", "host", "the container's own host name"),
        ("web/userns_mode", "host", "the engine's user namespace"),
        ("web/cap_add", ["SYS_ADMIN"], "no added capability"),
        ("web/security_opt", [], "a list with no-new-privileges:true"),
        ("web/cap_drop", GONE, DROPPED),
        ("web/cap_drop", ["MKNOD"], DROPPED),
        # what is built here is asked of no registry, what is not says what it makes volumes of
        ("web/pull_policy", GONE, NEVER),
        ("web/pull_policy", "missing", NEVER),
        ("db/x-image-volumes", GONE, VOLUMES),
        # limits
        ("web/pids_limit", GONE, "a limit of processes and threads such as 2048"),
        ("web/pids_limit", -1, "a limit of processes and threads such as 2048"),
        ("web/mem_limit", GONE, "a memory limit such as ${NAME_MEMORY:-1g}"),
        ("web/mem_limit", "0", "a memory limit such as ${NAME_MEMORY:-1g}"),
        ("web/restart", GONE, "a restart policy such as unless-stopped"),
        (
            "web/logging/options/max-size",
            GONE,
            "a size such as 10m, so that logs cannot fill the disk",
        ),
        ("web/logging", GONE, "logging with the option max-size"),
        ("web/container_name", GONE, "a name that begins with ${CONTAINER_PREFIX:-}"),
    ],
)
def test_a_broken_rule_is_named(path: str, value: object, wanted: str) -> None:
    """The message names the service and the key, what was found and what is wanted."""
    service, *steps = path.split("/")
    key = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in steps).lstrip(".")
    found = "nothing" if value is GONE else json.dumps(value)

    assert messages(broken(path, value)) == [
        f"service {service}: {key}: found {found}, wanted {wanted}"
    ]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "web/healthcheck/test/5",
            "http://localhost:80/",
            "healthcheck.test: found localhost, wanted 127.0.0.1",
        ),
        (
            "web/x-no-probe",
            "no port",
            f"x-probe: found x-probe and x-no-probe, wanted {ONE_REASON}",
        ),
        ("web/x-probe/0/traget", 80, f"x-probe[0].traget: {UNKNOWN} target (one of {PROBE_KEYS})"),
        (
            "db/x-probe/1/auth",
            {**AUTH, "kind": "bearer"},
            'x-probe[1].auth.kind: found "bearer", wanted basic: a user and a password',
        ),
        (
            "web/x-probe/0/auth",
            {**AUTH, "kind": "digest"},
            'x-probe[0].auth.kind: found "digest", wanted one of basic, bearer, api-key, s3',
        ),
        (
            "web/x-probe/0/auth",
            {**AUTH, "password": 12345678},
            f"x-probe[0].auth.password: found a value of another type that is not shown, {THROUGH}",
        ),
        (
            "web/x-probe/0/auth",
            {"kind": "basic", "user": "u"},
            f"x-probe[0].auth.password: found nothing, {THROUGH}",
        ),
        ("web/x-prob", [], f"x-prob: {UNKNOWN} x-probe (one of {X_KEYS})"),
        (
            "web/depends_on",
            {"dbs": {"condition": "service_healthy"}},
            "depends_on.dbs: found a service that is not there, wanted db (one of web, db)",
        ),
        ("web/depends_on/db", {}, "depends_on.db.condition: found nothing, wanted service_healthy"),
        (
            "db/ports/0/published",
            "8080",
            (
                'ports[0].published: found "8080", which is the port of web, target 80, wanted a'
                " host port of its own"
            ),
        ),
        (
            "db/volumes/0",
            {"type": "bind", "source": "/data", "target": "/data"},
            "volumes[0].read_only: found nothing, wanted true; data belongs in a named volume",
        ),
        (
            "db/environment/NO_PROXY",
            "localhost,127.0.0.1,db",
            f"environment.NO_PROXY: found it without the-db, web, wanted {DIRECTLY}",
        ),
        (
            "db/environment/no_proxy",
            GONE,
            f"environment.no_proxy: found nothing, wanted {DIRECTLY}",
        ),
        (
            "db/volumes/1/target",
            "/other",
            (
                'x-image-volumes: found "/scratch", wanted a mount there: each new container would'
                " leave a nameless volume"
            ),
        ),
        (
            "db/x-source",
            "other_data",
            (
                'x-source: found "other_data", wanted a volume that the service mounts, and not'
                " read_only"
            ),
        ),
        ("web/build", {"privileged": True}, f"build.privileged: found true, {UNPRIVILEGED}"),
        (
            "web/build",
            {"entitlements": ["security.insecure"]},
            f'build.entitlements: found ["security.insecure"], {UNPRIVILEGED}',
        ),
        (
            "web/devices",
            [{"source": "/dev/kvm"}],
            "devices: found a list of 1, wanted no device of the host",
        ),
        (
            "web/security_opt",
            ["no-new-privileges:true", "seccomp:unconfined"],
            'security_opt[1]: found "seccomp:unconfined", wanted the engine\'s own confinement',
        ),
    ],
)
def test_a_breach_at_a_key_within_or_elsewhere_is_named_there(
    path: str, value: object, message: str
) -> None:
    """And what is found is told in words where its value is long, secret or at two places."""
    service = path.partition("/")[0]

    assert messages(broken(path, value)) == [f"service {service}: {message}"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("/name", "", 'name: found "", wanted the project\'s name'),
        ("/name", 5, "name: found 5, wanted the project's name"),
        ("/services", {}, "services: found a mapping, wanted at least one service"),
        ("/name", GONE, "name: found nothing, wanted the project's name"),
        (
            "/networks/default",
            {"driver": "host"},
            (
                'networks.default.driver: found "host", wanted a network of the project, not the'
                " host's"
            ),
        ),
        (
            "/networks/default",
            {"name": "host"},
            'networks.default.name: found "host", wanted a network of the project, not the host\'s',
        ),
    ],
)
def test_a_broken_rule_outside_the_services_is_named(
    path: str, value: object, message: str
) -> None:
    """Where no service is to blame none is named."""
    assert messages(broken(path, value)) == [message]


@pytest.mark.parametrize(
    ("test", "wrong"),
    [
        (["CMD-SHELL", "wget --no-proxy -q http://127.0.0.1/"], True),
        (["CMD", "wget", "--no-proxy", "-q", "http://127.0.0.1/"], True),
        (["CMD", "/usr/bin/wget", "--no-proxy", "http://127.0.0.1/"], True),
        (["CMD", "sh", "-c", "true && wget --no-proxy -q http://127.0.0.1/"], True),
        (["CMD-SHELL", "a= wget --no-proxy -q http://127.0.0.1/ || exit 1"], True),
        (["CMD-SHELL", "curl --noproxy '*' -O x; wget --no-proxy http://127.0.0.1/"], True),
        (["CMD-SHELL", "wget --no-proxy it's-not-closed"], True),
        (["CMD-SHELL", "wget --no-proxy -q -T 3 -O /dev/null http://127.0.0.1/ || exit 1"], False),
        (["CMD-SHELL", "wget --no-proxy -qO- 'http://127.0.0.1/?a=1&b=2' | grep -q ok"], False),
        (["CMD-SHELL", "wget --no-proxy 'http://127.0.0.1/?a=1&b=2' -O -"], False),
        (["CMD", "wget", "--no-proxy", "--output-document=-", "http://127.0.0.1/"], False),
        (["CMD", "wget", "--no-proxy", "-O", "/dev/null", "http://127.0.0.1/"], False),
        (["CMD-SHELL", "test '' = \"$$wget\""], False),
    ],
)
def test_wget_in_a_health_test_keeps_no_file(test: list[str], wrong: bool) -> None:
    """Without -O each check would leave index.html.1, .2, .3 in the container."""
    found = messages(broken("web/healthcheck/test", test))

    expected = (
        "service web: healthcheck.test: found wget without -O,"
        " wanted wget -O /dev/null: each check would leave one more file"
    )
    assert found == ([expected] if wrong else [])


@pytest.mark.parametrize(
    ("test", "wanted"),
    [
        (["CMD", "curl", "-f", "http://127.0.0.1/"], "curl --noproxy '*'"),
        (["CMD", "/bin/curl", "--noproxy", "db", "http://127.0.0.1/"], "curl --noproxy '*'"),
        (["CMD-SHELL", "curl -f http://127.0.0.1/ | grep -q ok"], "curl --noproxy '*'"),
        (["CMD-SHELL", "wget -qO- http://127.0.0.1/"], "wget --no-proxy"),
        (["CMD", "sh", "-c", "true && no_proxy='*' wget -O /dev/null x"], "wget --no-proxy"),
        (["CMD-SHELL", "curl -f --noproxy '*' http://127.0.0.1/ | grep -q ok"], ""),
        (["CMD", "wget", "-O-", "--no-proxy", "http://127.0.0.1/"], ""),
    ],
)
def test_a_health_test_asks_no_proxy(test: list[str], wanted: str) -> None:
    """The user's Docker may hand one to every container, and nothing would ever be healthy."""
    program = wanted.partition(" ")[0]

    expected = f"{program} through a proxy, wanted {wanted}: a proxy would stand between"
    assert messages(broken("web/healthcheck/test", test)) == (
        [f"service web: healthcheck.test: found {expected}"] if wanted else []
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("x-no-probe", " ", 'x-no-probe: found " ", wanted the reason why it is not probed'),
        ("x-one-shot", False, "x-one-shot: found false, wanted true, or no such key"),
    ],
)
def test_what_stands_for_a_probe_says_something(key: str, value: object, message: str) -> None:
    """A service goes unprobed for a reason that somebody wrote down."""
    document = broken("web/x-probe", GONE)
    document["services"]["web"][key] = value

    assert messages(document) == [f"service web: {message}"]


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("web/logging/options", GONE, "logging.options"),
        ("web/logging/options/max-size", "0m", "logging.options.max-size"),
        ("web/logging/options/max-size", 10, "logging.options.max-size"),
        ("web/restart", "sometimes", "restart"),
        ("web/mem_limit", 0, "mem_limit"),
        ("web/security_opt", ["no-new-privileges:false"], "security_opt"),
        ("web/depends_on/db", None, "depends_on.db"),
        ("web/healthcheck/test", ["CMD"], "healthcheck.test"),
        ("web/healthcheck/test/1", 1, "healthcheck.test[1]"),
        ("web/container_name", "", "container_name"),
        ("db/x-data-group", "My data", "x-data-group"),
        ("db/x-not-offered", [""], "x-not-offered[0]"),
        ("db/x-not-offered", [1], "x-not-offered[0]"),
        ("db/x-cpu-flags", [132], "x-cpu-flags[0]"),
        ("db/x-shell-user", "--privileged", "x-shell-user"),
        ("web/x-metrics", "9464", "x-metrics"),
        ("db/x-source", 1, "x-source"),
        ("web/x-open/0/link", "/", "x-open[0].link"),
        ("web/x-open/0/label", "", "x-open[0].label"),
        ("web/x-open/0/path", GONE, "x-open[0].path"),
        ("web/x-open", ["http://127.0.0.1"], "x-open[0]"),
        ("web/ports", ["8080:80"], "ports[0]"),
        ("web/ports/0/published", 8080, "ports[0].published"),
        ("web/ports/0/target", "80", "ports[0].target"),
        ("web/ports/0/target", 0, "ports[0].target"),
        ("web/ports/0/target", 65536, "ports[0].target"),
        ("web/volumes", ["/data"], "volumes[0]"),
        ("web/volumes/0/type", GONE, "volumes[0].type"),
        ("web/volumes/0/target", GONE, "volumes[0].target"),
        ("web/x-probe/0/collection", "c", "x-probe[0].collection"),
        ("web/x-probe/0", "http", "x-probe[0]"),
        ("db/x-probe/1/json", {}, "x-probe[1].json"),
        ("db/x-probe/1/collection", "c", "x-probe[1].collection"),
        ("db/x-probe/0/collection", "", "x-probe[0].collection"),
        ("db/x-probe/0/size", 0, "x-probe[0].size"),
        ("web/x-probe/0/auth", "root:hunter2", "x-probe[0].auth"),
        ("web/x-probe/0/auth", {**AUTH, "user": ""}, "x-probe[0].auth.user"),
        ("web/x-probe/0/auth", {**AUTH, "password": ""}, "x-probe[0].auth.password"),
        ("web/x-probe/0/auth", {**AUTH, "realm": "r"}, "x-probe[0].auth.realm"),
    ],
)
def test_a_wrong_shape_is_told_at_its_key(path: str, value: object, key: str) -> None:
    """The first line names the key, so that one knows where to look."""
    service = path.partition("/")[0]
    found = messages(broken(path, value))

    assert any(line.startswith(f"service {service}: {key}: found ") for line in found)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("web/network_mode", "none"),
        ("web/pid", "service:db"),
        ("web/ipc", "private"),
        ("web/uts", ""),
        ("web/userns_mode", ""),
        ("web/privileged", False),
        ("web/cap_drop", ["ALL"]),
        ("web/profiles", ["more"]),
        ("web/build", {"context": "/src", "network": "host"}),
        ("web/healthcheck/retries", 5),
        ("web/mem_limit", 1073741824),
        ("web/restart", "on-failure:3"),
        ("web/volumes", [{"type": "tmpfs", "target": "/tmp"}]),
        ("web/x-probe/0/auth", AUTH),
        ("db/x-probe/0/auth", AUTH),
        ("db/x-probe/0/size", 384),
        ("/networks/default", {"name": "test_default", "driver": "bridge"}),
        ("/x-fragment", {"anything": 1}),
    ],
)
def test_what_no_rule_speaks_of_is_allowed(path: str, value: object) -> None:
    """Compose's other keys, and other values of those above, are nobody's business here."""
    assert messages(broken(path, value)) == []


@pytest.mark.parametrize(
    "image",
    [
        "neo4j:5.26.4",
        "memos-dev/etcd:3.5.16-packages",
        "registry.example:5000/a/b:v1",
        "a@sha256:" + "0" * 64,
        "a:latest@sha256:" + "0" * 64,
    ],
)
def test_a_tag_or_a_digest_pins_an_image(image: str) -> None:
    """The port of a registry is no tag; a digest makes any tag a pinned one."""
    assert messages(broken("web/image", image)) == []


def test_who_starts_early_waits_for_something() -> None:
    """`x-start: early` on what needs nothing means nothing."""
    document = broken("web/depends_on", {})

    assert messages(document) == [
        (
            'service web: x-start: found "early" without depends_on, wanted depends_on with what'
            " its entry point waits for, or no x-start"
        )
    ]


def test_a_circle_of_dependencies_is_told_once() -> None:
    """However many services it holds, and whoever else depends on it."""
    document = broken("db/depends_on", {"web": {"condition": "service_healthy"}})
    document["services"]["zoo"] = {**WEB, "ports": [], "x-open": [], "x-probe": GONE}
    del document["services"]["zoo"]["x-probe"]
    document["services"]["zoo"]["x-no-probe"] = "nothing to ask"

    assert messages(document) == [
        "service db: depends_on: found db → web → db, wanted dependencies without a circle"
    ]


def test_a_long_circle_is_told_in_order() -> None:
    """The way is shown from the first name in the alphabet round to it again."""
    document = broken("db/depends_on", {"mid": {"condition": "service_healthy"}})
    middle = deepcopy(DB) | {
        "depends_on": {
            "web": {"condition": "service_healthy"},
            "end": {"condition": "service_healthy"},
        },
        "ports": [{"target": 6333, "published": "7000"}],
    }
    end = deepcopy(DB) | {"ports": [{"target": 6333, "published": "7001"}]}
    document["services"] |= {"mid": middle, "end": end}

    assert messages(document) == [
        "service db: depends_on: found db → mid → web → db, wanted dependencies without a circle"
    ]


def test_a_service_may_need_one_of_a_profile_that_is_off() -> None:
    """`required: false` is how the embedder is left out."""
    needs = {"models": {"condition": "service_healthy", "required": False}}

    assert messages(broken("web/depends_on", needs)) == []


def test_a_job_is_waited_for_until_it_has_ended() -> None:
    """It is never healthy, so `service_healthy` would wait for ever; it needs no health check."""
    document = broken("db/x-one-shot", True)
    del document["services"]["db"]["x-probe"]
    del document["services"]["db"]["healthcheck"]

    assert messages(document) == [
        (
            'service web: depends_on.db.condition: found "service_healthy",'
            " wanted service_completed_successfully"
        )
    ]


def test_services_that_share_a_volume_are_in_one_group() -> None:
    """What is deleted with one of them would be missing in the other."""
    document = broken("web/volumes/0", deepcopy(DB)["volumes"][0])
    document["services"]["web"]["x-data-group"] = "web"

    assert messages(document) == [
        'service db: x-data-group: found "db", wanted web, whose volume db_data it mounts'
    ]


def test_a_port_of_another_protocol_is_another_port() -> None:
    """TCP 8080 and UDP 8080 can both be published."""
    ports = [DB["ports"][0], {"target": 1, "published": "8080", "protocol": "udp"}]

    assert messages(broken("db/ports", ports)) == []


def test_a_port_that_is_not_published_takes_no_place() -> None:
    """Two ports that the engine chooses are told as such, not as the same port."""
    document = broken("web/ports", [{"target": 80}, {"target": 81}])
    found = messages(document)

    assert "service web: ports[0].published: found nothing, wanted one host port" in found[0]
    assert not any("which is the port of" in line for line in found)
    assert any("wanted a port that the service publishes (none is)" in line for line in found)


@pytest.mark.parametrize(
    "document", [None, [], "services", {"services": None}, {"services": {"web": None}}]
)
def test_a_document_of_another_shape_is_a_breach_and_no_crash(document: object) -> None:
    """Rules look at what is there; the schema tells the rest."""
    assert messages(document) != []


@pytest.mark.parametrize("key", sorted(WEB))
def test_a_key_of_another_shape_is_a_breach_and_no_crash(key: str) -> None:
    """Every key of a service can be a number by mistake."""
    found = messages(broken(f"web/{key}", 5))

    assert key in {"mem_limit", "pids_limit"} or any(
        f"service web: {key}: found 5" in line for line in found
    )


def test_groups_that_belong_together_are_groups_that_there_are() -> None:
    """The nearest one is named; a reason must stand beside them."""
    document = {
        "name": "test",
        "services": {"web": WEB, "db": DB},
        "x-data-together": [{"groups": ["db", "bd"], "reason": " "}],
    }
    told = [str(breach) for breach in check_resolved(document, "f.yml")]
    assert told == [
        'f.yml: x-data-together[0].reason: found " ", wanted why they belong together',
        'f.yml: x-data-together[0].groups: found "bd", wanted one of db',
    ]
