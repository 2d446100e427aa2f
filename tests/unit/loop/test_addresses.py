"""What the API's container is given, as a process of this machine needs it."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from scripts.loop.addresses import Gap, rewritten, told
from tests.kit.places import TESTS_DATA

LOOPBACK = "127.0.0.1"


def port(target: int, published: str, host: str = LOOPBACK) -> dict[str, object]:
    """Return a published port as Compose resolves it."""
    return {"target": target, "published": published, "host_ip": host, "protocol": "tcp"}


def stack(environment: Mapping[str, object], **services: Mapping[str, object]) -> dict[str, Any]:
    """Return a resolved file with a web service that is given these variables, and others."""
    web = {
        "environment": dict(environment),
        "volumes": [
            {"type": "bind", "source": "/home/my MemOS/src", "target": "/app/src"},
            {"type": "volume", "source": "data", "target": "/data"},
        ],
    }
    db = {
        "container_name": "two-db.docker",
        "networks": {"inner": {"aliases": ["db-alias"]}, "outer": None},
        "ports": [port(7687, "17687"), port(7474, "17474"), {"target": 9, "protocol": "tcp"}],
    }
    return {"services": {"web": web, "db": db, "quiet": {}, **services}}


def test_what_is_of_another_machine_is_what_leads_there() -> None:
    """Ports are forwarded to loopback, and the source is here."""
    given = {"URI": "bolt://db:7687", "PYTHONPATH": "/app/src:/data"}
    document = stack(given, db={"ports": [port(7687, "17687", "10.0.0.5")]})
    document["services"]["web"] |= {
        "volumes": [{"type": "volume", "source": "code", "target": "/app/src"}],
        "x-source": "code",
    }

    found = rewritten(document, "web", source="/home/me/src", far=True).variables

    assert found["URI"] == "bolt://127.0.0.1:17687"
    assert found["PYTHONPATH"] == "/home/me/src:/data"


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("bolt://db:7687", "bolt://127.0.0.1:17687"),
        ("bolt://two-db.docker:7687", "bolt://127.0.0.1:17687"),
        ("http://db-alias:7474/db?x=db:7474", "http://127.0.0.1:17474/db?x=127.0.0.1:17474"),
        ("http://me:db@db:7474/", "http://me:db@127.0.0.1:17474/"),
        ("db:7687", "127.0.0.1:17687"),
        ("a:1,db:7687, db-alias:7474", "a:1,127.0.0.1:17687, 127.0.0.1:17474"),
        (
            '[{"base": "http://db:7474/v1", "db": "db"}]',
            '[{"base": "http://127.0.0.1:17474/v1", "db": "db"}]',
        ),
        # what only looks like it
        ("db", "db"),
        ("neo4j-db", "neo4j-db"),
        ("http://db.example:7474", "http://db.example:7474"),
        ("http://my-db:7474", "http://my-db:7474"),
        ("db:secret", "db:secret"),
        ("db:12345678", "db:12345678"),
        ("two-dbxdocker:7687", "two-dbxdocker:7687"),
        ("/data/db:7687x", "/data/db:7687x"),
        ("", ""),
        # folders
        ("/app/src", "/home/my MemOS/src"),
        (
            "/other:/app/src:/app/src/memos",
            "/other:/home/my MemOS/src:/home/my MemOS/src/memos",
        ),
        ("/app/srcs", "/app/srcs"),
        ("/data", "/data"),
    ],
)
def test_names_become_what_they_are_published_at(written: str, wanted: str) -> None:
    """And folders of the container those that are mounted there; nothing else changes."""
    found = rewritten(stack({"X_BASE": written}), "web")

    assert found.variables["X_BASE"] == wanted
    assert found.gaps == ()


def test_a_name_alone_is_read_with_the_port_beside_it() -> None:
    """As MemOS has it of Qdrant; a user or a database of the same name stays."""
    given = {"DB_HOST": "db", "DB_PORT": "7687", "DB_USER": "db", "OTHER_HOST": "elsewhere"}

    found = rewritten(stack(given), "web").variables

    assert (found["DB_HOST"], found["DB_PORT"]) == (LOOPBACK, "17687")
    assert (found["DB_USER"], found["OTHER_HOST"]) == ("db", "elsewhere")


@pytest.mark.parametrize(
    ("given", "gap"),
    [
        ({"A": "http://quiet:8080/v1"}, Gap(variable="A", service="quiet", port=8080)),
        ({"A": "http://quiet/v1"}, Gap(variable="A", service="quiet", port=0)),
        ({"A": "bolt://db:1"}, Gap(variable="A", service="db", port=1)),
        ({"A_HOST": "quiet", "A_PORT": "80"}, Gap(variable="A_HOST", service="quiet", port=80)),
        ({"A_HOST": "db"}, Gap(variable="A_HOST", service="db", port=0)),
        ({"A_HOST": "db", "A_PORT": "many"}, Gap(variable="A_HOST", service="db", port=0)),
        ({"A": "http://db:9/"}, Gap(variable="A", service="db", port=9)),
    ],
)
def test_what_is_not_published_is_named(given: Mapping[str, str], gap: Gap) -> None:
    """With the variable, so that it can be mended."""
    found = rewritten(stack(given), "web")

    assert found.gaps == (gap,)
    assert gap.variable in told(found.gaps)
    assert gap.service in told(found.gaps)


@pytest.mark.parametrize(
    ("host", "called"),
    [
        ("0.0.0.0", "127.0.0.1:17687"),
        ("", "127.0.0.1:17687"),
        ("192.0.2.7", "192.0.2.7:17687"),
        ("::", "127.0.0.1:17687"),
        ("::1", "[::1]:17687"),
    ],
)
def test_an_address_is_one_that_can_be_called(host: str, called: str) -> None:
    """Nobody is called at any address; and what is called is no matter of a proxy."""
    other = {"ports": [port(7687, "17687", host)]}
    given = {"A": "bolt://db:7687", "DB_HOST": "db", "DB_PORT": "7687", "NO_PROXY": "db,x.example"}

    found = rewritten(stack(given, db=other), "web").variables

    assert found["A"] == f"bolt://{called}"
    assert found["DB_HOST"] == called.rpartition(":")[0].strip("[]")
    hosts = found["NO_PROXY"].split(",")
    assert {"db", "x.example", "localhost", LOOPBACK, found["DB_HOST"]} == {*hosts}
    assert found["no_proxy"] == found["NO_PROXY"]


def test_what_is_no_text_is_given_as_one() -> None:
    """Nothing for nothing, as in the container."""
    found = rewritten(stack({"A": None, "B": 1, "C": True}), "web").variables

    assert [found[name] for name in "ABC"] == ["", "1", "True"]


@pytest.mark.parametrize("name", ["packages.yml", "registry.yml", "packages-without-milvus.yml"])
def test_the_api_of_this_stack_can_run_on_this_machine(name: str) -> None:
    """All that it calls is published."""
    text = (TESTS_DATA / "config" / name).read_text().replace("$$", "$")

    found = rewritten(yaml.safe_load(text), "memos")

    assert found.gaps == ()
    values = found.variables
    assert values["NEO4J_URI"] == "bolt://127.0.0.1:7687"
    assert (values["QDRANT_HOST"], values["QDRANT_PORT"]) == (LOOPBACK, "6333")
    assert values["MOS_EMBEDDER_API_BASE"] == "http://127.0.0.1:8089/v1"
    assert (values["NEO4J_USER"], values["NEO4J_DB_NAME"]) == ("neo4j", "neo4j")
    assert not [k for k, v in values.items() if "-docker" in v and k.lower() != "no_proxy"]
