"""Addresses of services that run elsewhere: what is one, and what is refused with which words."""

from pathlib import Path

import pytest

from scripts.config import settings
from scripts.config.choice import ELSEWHERE, PREFERENCES, Choice, external, with_elsewhere
from scripts.config.rules import addresses, env
from scripts.config.rules.resolved import check_resolved
from tests.kit.places import ROOT

SCHEMES = {"http": "plain", "https": "tls"}


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("https://q.example:6333", ""),
        ("neo4j+s://0123.databases.example", ""),
        ("http://192.168.1.7:6333", ""),
        ("http://me:sesame@q.example:6333", "holds a login"),
        ("http://q.example:6333/", "has more than an address"),
        ("http://q.example:6333/prefix", "has more than an address"),
        ("http://q.example:6333?a=b", "has more than an address"),
        ("http://[2001:db8::1]:6333", "is an IPv6 address"),
        ("http://[2001:db8::1:6333", "is no address"),
        ("http://q.example:99999", "is no address"),
        ("http://q.example:0", "is no address"),
        ("http://q example:6333", "is no address"),
        ("q.example:6333", "is no address"),
        ("your_qdrant_url", "is no address"),
        ("http://127.0.0.1:6333", "names 127.0.0.1: inside the API's container that is"),
        ("http://localhost:6333", "names localhost"),
        ("http://0.0.0.0:6333", "names 0.0.0.0"),
        ("http://localhost.:6333", "names localhost."),
        ("http://a.localhost:6333", "names a.localhost"),
        ("http://127.8.0.1.:6333", "names 127.8.0.1."),
        ("http://127.1:6333", "is no address"),
        ("http://0:6333", "is no address"),
        ("http://0x7f.1:6333", "is no address"),
        ("http://2130706433:6333", "is no address"),
        ("http://q.example.:6333", ""),
        ("http://q_1:6333", ""),
        ("http://Q-1.example:6333", ""),
        ("http://h:", "is no address"),
        ("http://h%00:1", "is no address"),
        ("http://h,evil:1", "is no address"),
        ("http://-h:1", "is no address"),
    ],
)
def test_what_is_no_address_of_another_machine_is_told(url: str, wrong: str) -> None:
    """Before anything is asked there."""
    assert addresses.problem(url).startswith(wrong)
    assert bool(addresses.problem(url)) is bool(wrong)
    assert "sesame" not in addresses.problem(url)


@pytest.mark.parametrize(
    ("url", "port", "wanted"),
    [
        ("https://q.example:6333", 0, ""),
        ("bolt://q.example:7687", 0, "an address that begins with http:// or https://"),
        ("https://q.example", 0, "a port too: https://q.example:PORT"),
        ("https://q.example", 7687, ""),
    ],
)
def test_each_service_takes_forms_of_its_own(url: str, port: int, wanted: str) -> None:
    """A port may be left out only where all its clients take the same one."""
    assert addresses.wrong_form(url, SCHEMES, port).startswith(wanted)
    assert bool(addresses.wrong_form(url, SCHEMES, port)) is bool(wanted)


def test_an_address_says_where_and_how() -> None:
    """Its port, or the one that all take."""
    place = addresses.parsed("https://Q.example", SCHEMES, 6333)

    assert (place.host, place.port, place.tls) == ("q.example", 6333, "tls")
    assert addresses.parsed("http://q.example:80", SCHEMES, 0).tls == ""


def told(tmp_path: Path, *lines: str) -> str:
    """Return what is wrong in a settings file."""
    (tmp_path / ".env.example").write_bytes((ROOT / ".env.example").read_bytes())
    (tmp_path / "docker").symlink_to(ROOT / "docker")
    (tmp_path / ".env").write_text("\n".join(lines) + "\n")
    return "\n".join(map(str, env.problems(settings.load(tmp_path, {}))))


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (("EXTERNAL_QDRANT_URL=https://q.example:6333",), ""),
        (("EXTERNAL_QDRANT_URL=http://a:sesame@q:1",), "EXTERNAL_QDRANT_URL holds a login"),
        (("EXTERNAL_QDRANT_URL=q",), "EXTERNAL_QDRANT_URL is 'q', and is no address"),
        (("EXTERNAL_QUADRANT_URL=http://q:1",), "EXTERNAL_QUADRANT_URL is no variable, wanted one"),
        (("EXTERNAL_MILVUS_URL=http://m:1", "WITH_MILVUS=no"), "wanted one of the two"),
        (("EXTERNAL_MILVUS_URL=http://m:1", "MEMOS_VERSION=2.0.33"), "MemOS 2.0.33 uses none"),
        # passwords of servers here have rules of theirs
        (("NEO4J_PASSWORD=a/b",), "NEO4J_PASSWORD is too short"),
        (("NEO4J_PASSWORD=a/b", "EXTERNAL_NEO4J_URL=bolt://n"), ""),
    ],
)
def test_the_settings_are_refused_with_the_reason(
    tmp_path: Path, lines: tuple[str, ...], wanted: str
) -> None:
    """And no login is shown."""
    found = told(tmp_path, *lines)

    assert wanted in found
    assert bool(found) is bool(wanted)
    assert "sesame" not in found
    assert "sesame" not in str(settings.rows(settings.load(tmp_path, {})))


def test_who_runs_elsewhere_has_a_file_over_all_others() -> None:
    """A Milvus there takes the place of the store for preferences, too."""
    plain = Choice(overlays=("a.yml",), profiles=("models", PREFERENCES))

    assert with_elsewhere(plain, ()) == plain
    assert with_elsewhere(plain, ["qdrant"]) == Choice(
        overlays=("a.yml", external("qdrant")), profiles=("models", PREFERENCES, ELSEWHERE)
    )
    assert with_elsewhere(plain, ["milvus"]).profiles == ("models", ELSEWHERE)


def test_containers_call_past_a_proxy_what_is_called_from_here(tmp_path: Path) -> None:
    """Bolt and gRPC know none, and this workspace asks none."""
    told(tmp_path, "EXTERNAL_QDRANT_URL=https://q.example:6333", "NO_PROXY=near")

    found = settings.load(tmp_path, {}).for_compose()

    assert found["CONTAINER_NO_PROXY"] == "near,q.example"
    assert "elsewhere" in found["COMPOSE_PROFILES"]


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"url": "ftp://q.example:1"}, "wanted an address that begins with http://"),
        ({"url": "http://q.example"}, "wanted a port too"),
        ({"needed-by": ["memo"]}, 'found "memo", wanted'),
        ({"url": 7}, "wanted the address at which the service runs"),
    ],
)
def test_what_stands_beside_a_service_elsewhere_has_rules(
    facts: dict[str, object], wanted: str
) -> None:
    """As everything in a compose file."""
    whole = {
        "url": "http://q.example:1",
        "schemes": SCHEMES,
        "targets": [6333],
        "needed-by": ["qdrant"],
    }
    document = {"name": "x", "services": {"qdrant": {"x-external": {**whole, **facts}}}}

    found = [str(one) for one in check_resolved(document, "f") if "x-external" in one.key]

    assert [wanted in one for one in found] == [True]
