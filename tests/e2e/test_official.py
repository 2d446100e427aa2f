"""What must hold on official images: rows of docs/official-images.md, run where there are some."""

import json
import platform
import time
from datetime import datetime
from typing import Any

import pytest
import requests
import yaml

from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.official import Measured, digest, need_registry, row, short
from tests.e2e.kit.stores import asked, cypher, milvus, milvus_words

pytestmark = [pytest.mark.docker, pytest.mark.registry]

OFFICIAL = ("etcd", "minio", "milvus", "attu", "neo4j", "qdrant")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What images call processors, by what Linux calls them."""
KILLED = 137
NAMELESS = 64
"""Letters of a volume's name that the engine made up."""


@pytest.fixture(autouse=True)
def registry(stack: Checkout, cold: list[dict[str, Any]]) -> None:
    """Leave out what says nothing about package-built images, before anything is started for it."""
    del cold
    need_registry(stack)


def image(stack: Checkout, service: str) -> dict[str, Any]:
    """Return what the engine knows of a service's image."""
    container = stack.container(service)
    found = stack.docker("inspect", "--format={{.Image}}", container).stdout.strip()
    described: dict[str, Any] = stack.docker("image", "inspect", found).document[0]
    return described


def inspected(stack: Checkout, service: str) -> dict[str, Any]:
    """Return what the engine knows of a service's container."""
    found: dict[str, Any] = stack.docker("inspect", stack.container(service)).document[0]
    return found


def nameless(stack: Checkout) -> set[str]:
    """Return the volumes of the engine that nobody has named."""
    names = stack.docker("volume", "ls", "--quiet").stdout.split()
    return {name for name in names if len(name) == NAMELESS}


def findings(stack: Checkout, service: str) -> list[str]:
    """Return the codes of what `inv ps` says of a service."""
    listed = stack.inv("ps", "--format", "json").document["services"]
    return [one["code"] for one in listed if one["service"] == service for one in one["findings"]]


@row("all", "each image is the official one, for this processor")
def test_images_are_official_and_for_this_processor(official: Checkout, measured: Measured) -> None:
    """Nothing is emulated, and nothing stands in."""
    found = {name: image(official, name) for name in OFFICIAL}

    wanted = MACHINES[platform.machine()]
    assert {one["Architecture"] for one in found.values()} == {wanted}
    labels = [(one["Config"]["Labels"] or {}) for one in found.values()]
    assert not any("dev.memos.contains" in one for one in labels)
    size = sum(one["Size"] for one in found.values()) / 2**30
    digests = (f"{name} {short(digest(official, name))}" for name in OFFICIAL)
    measured(f"{size:.1f} GiB: {', '.join(digests)}")


@row("all", "every volume that an image makes by itself is covered")
def test_the_volumes_of_images_are_known(official: Checkout, measured: Measured) -> None:
    """`x-image-volumes` beside each service says what its image has."""
    services = yaml.safe_load(official.resolved())["services"]
    found = {name: {*(image(official, name)["Config"]["Volumes"] or ())} for name in OFFICIAL}

    assert found == {name: {*services[name]["x-image-volumes"]} for name in OFFICIAL}
    measured(", ".join(sorted(f"{name} {one}" for name, has in found.items() for one in has)))


@row("memos", "it is built on the official Python, by this machine's buildx")
def test_what_is_built_here_is_for_this_processor(official: Checkout, measured: Measured) -> None:
    """With every pinned package, and a standard library that no start has to compile."""
    assert image(official, "memos")["Architecture"] == MACHINES[platform.machine()]
    compiled = "import json, os; print(os.path.exists(json.__cached__))"
    words = ("exec", official.container("memos"), "python3", "-B", "-c", compiled)
    assert official.docker(*words).stdout.strip() == "True"
    measured(official.docker("buildx", "version").stdout.split()[1])


@row("etcd", "without a shell the check is its own client, and finds it healthy")
def test_etcd_answers_its_own_client(official: Checkout, measured: Measured) -> None:
    """The health check has no other program there."""
    container = official.container("etcd")

    assert official.docker("exec", container, "sh", "-c", "true", check=False).exit_code
    told = official.docker("exec", container, "etcdctl", "endpoint", "health", "--write-out=json")
    (answer,) = told.document
    assert answer["health"] is True
    measured(answer["took"])


@row("minio", "one miss of its health check costs no five seconds")
def test_minios_check_is_soon_right(official: Checkout, measured: Measured) -> None:
    """`mc ready` asks again only after 5 s, so the check is given up before."""
    name = official.container("minio")
    official.docker("restart", name)

    def state() -> dict[str, Any]:
        found: dict[str, Any] = inspected(official, "minio")["State"]
        return found

    health = next(
        one for one in poll(state, timeout=60, interval=0.2) if one["Health"]["Status"] == "healthy"
    )
    checks = health["Health"]["Log"]
    assert checks[-1]["ExitCode"] == 0
    ended, started = map(datetime.fromisoformat, (checks[-1]["End"], health["StartedAt"]))
    measured(f"{(ended - started).total_seconds():.1f} s")


@row("minio", "another login counts from the next start on, on the same data; no reset")
def test_the_login_of_minio_is_that_of_each_start(other: Checkout) -> None:
    """So `inv` advises none."""
    other.inv("up", "--service", "minio")
    before = other.values()["MINIO_ROOT_PASSWORD"]
    changed = other.env_file.read_text().replace(
        f"MINIO_ROOT_PASSWORD={before}", "MINIO_ROOT_PASSWORD=another-one"
    )
    other.env_file.write_text(changed)

    other.inv("up", "--service", "minio")

    assert asked(other, "minio", "another-one")
    assert not asked(other, "minio", before)


@row("minio", "no volume without a name stays after `inv down`")
def test_down_leaves_no_volume_without_a_name(other: Checkout, measured: Measured) -> None:
    """Its image makes one at /data, where nothing of ours lies."""
    before = nameless(other)
    other.inv("up", "--service", "minio")
    other.inv("down")

    left = nameless(other) - before
    assert left == set()
    measured(len(left))


@row("milvus", "with a loaded collection it stops before it would be killed")
def test_milvus_stops_in_time(official: Checkout, measured: Measured) -> None:
    """Alone it has nobody to hand its segments to, and would wait 1,800 s."""
    words, name = milvus_words(official), "stops"
    milvus(official, words.create, {"collectionName": name, "dimension": 4})
    rows = [
        {**({"id": number} if words.own_ids else {}), "vector": [number, 1, 2, 3]}
        for number in range(100)
    ]
    milvus(official, words.insert, {"collectionName": name, "data": rows})
    query = {"collectionName": name, "limit": 1, **words.query([1, 1, 2, 3])}
    milvus(official, words.search, query)

    began = time.monotonic()
    official.docker("stop", official.container("milvus"))

    measured(f"{time.monotonic() - began:.1f} s")
    assert inspected(official, "milvus")["State"]["ExitCode"] != KILLED
    official.inv("up")
    milvus(official, words.drop, {"collectionName": name})


@row("milvus", "its page is at the link that is told")
def test_the_page_of_milvus_is_where_it_is_told(official: Checkout) -> None:
    """`/webui/` on 9091; 19530 would be 401."""
    answer = requests.get(official.url("MILVUS_METRICS_PORT", "/webui/"), timeout=30)

    assert answer.status_code == 200
    assert "<html" in answer.text.lower()


@row("milvus", "what its loader complains about is no finding")
def test_the_noise_of_milvus_is_no_finding(official: Checkout, measured: Measured) -> None:
    """The image's LD_PRELOAD names a folder; each program started in it says so."""
    noise = official.docker("exec", official.container("milvus"), "true").stderr

    assert findings(official, "milvus") == []
    measured("it complains" if "ld.so" in noise else "it is silent")


@row("attu", "it logs in at this Milvus")
def test_attu_is_let_in_by_milvus(official: Checkout) -> None:
    """With the address that the compose file gives it."""
    login = {"username": "root", "password": official.values()["MILVUS_PASSWORD"]}
    body = {"address": "milvus-standalone:19530", **login, "checkHealth": True}
    url = official.url("ATTU_PORT", "/api/v1/milvus/connect")

    answer = requests.post(url, json=body, timeout=60)

    assert answer.status_code == 200, answer.text
    assert "clientId" in json.dumps(answer.json())


@row("neo4j", "memory settings arrive as they are written")
def test_neo4j_has_the_memory_that_it_is_given(official: Checkout, measured: Measured) -> None:
    """Its entry point reads them from variables."""
    names = ["server.memory.heap.max_size", "server.memory.pagecache.size"]
    rows = cypher(official, "SHOW SETTINGS YIELD name, value WHERE name IN $names", names=names)

    found = dict(rows)
    assert {name: found[name].rstrip("ibB").lower() for name in names} == {
        names[0]: "512.00m",
        names[1]: "256.00m",
    }
    measured(", ".join(found[name] for name in names))


@row("all", "who is stopped is told as stopped, whatever its exit code")
def test_a_stop_is_a_stop(official: Checkout, measured: Measured) -> None:
    """Attu ends with 1 then, Qdrant with 143."""
    ends = {}
    for name in ("attu", "qdrant", "milvus"):
        official.docker("stop", official.container(name))
        ends[name] = inspected(official, name)["State"]["ExitCode"]
        assert findings(official, name) == ["stopped"]
    measured(", ".join(f"{name} {code}" for name, code in ends.items()))
