"""Each rule about the compose files as they are written, broken once."""

from pathlib import Path

import pytest

from scripts.config.rules.text import parse, variables
from scripts.config.rules.written import Setting, check_raw, check_variables, read_example
from scripts.core.errors import ConfigError
from scripts.core.foreign import documents
from tests.kit.places import ROOT

DOCKER = ROOT / "docker"
PORT = "${BIND_ADDRESS:-127.0.0.1}:${NAME_PORT:-1234}:1234"
GOOD = """
name: ${PROJECT:-test}
services:
  web:
    image: web:${TAG:-1.2}
    container_name: ${CONTAINER_PREFIX:-}web
    mem_limit: ${WEB_MEMORY:-512m}
    ports:
      - ${BIND_ADDRESS:-127.0.0.1}:${WEB_PORT:-8080}:80
      - {host_ip: "${BIND_ADDRESS:-127.0.0.1}", published: "${DNS_PORT:-53}", target: 53}
    environment: ["A=b"]
"""
EXAMPLE = """# The project
PROJECT=test
# The image's tag
TAG=
# Prefix
CONTAINER_PREFIX=
# Memory
WEB_MEMORY=512m
# Address
BIND_ADDRESS=127.0.0.1
# Port
WEB_PORT=8080
# Port
DNS_PORT=53
# Of the workspace
OWN=
# Only in the environment
# ENV_FILE=
"""
OWN = ("OWN", "ENV_FILE")
UNREAD = (
    "found a variable that nothing reads, wanted one that a compose file or the workspace reads"
)
DEFAULT = "the default in the compose file, or nothing"
ADDRESS = "${BIND_ADDRESS:-127.0.0.1}:${WEB_PORT:-8080}:80"


LAUGHS = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


def raw(old: str, new: str) -> list[str]:
    """Return the breaches of the good file with one text replaced."""
    assert old in GOOD
    return [str(b) for b in check_raw(parse(GOOD.replace(old, new), "c.yml"), "c.yml")]


def of_variables(example: str, text: str = GOOD) -> list[str]:
    """Return the breaches of an example beside the good file."""
    return [str(b) for b in check_variables({"c.yml": text}, example, OWN)]


def test_a_good_file_breaks_no_rule() -> None:
    """The small file and example that the other tests break are right."""
    assert raw("web", "web") == []
    assert of_variables(EXAMPLE) == []


@pytest.mark.parametrize("path", sorted(DOCKER.glob("*.yml")), ids=lambda path: path.name)
def test_our_compose_files_break_no_rule(path: Path) -> None:
    """The file and its override pass as they are written."""
    assert check_raw(parse(path.read_text(encoding="utf-8"), path.name), path.name) == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "${CONTAINER_PREFIX:-}web",
            "web",
            'container_name: found "web", wanted a name that begins with ${CONTAINER_PREFIX:-}',
        ),
        (
            "${WEB_MEMORY:-512m}",
            "512m",
            'mem_limit: found "512m", wanted a variable such as ${NAME_MEMORY:-1g}',
        ),
        (ADDRESS, "8080:80", f'ports[0]: found "8080:80", wanted {PORT}'),
        (ADDRESS, "127.0.0.1:8080:80", f'ports[0]: found "127.0.0.1:8080:80", wanted {PORT}'),
        (
            "${BIND_ADDRESS:-127.0.0.1}:${WEB_PORT",
            "0.0.0.0:${WEB_PORT",
            f'ports[0]: found "0.0.0.0:${{WEB_PORT:-8080}}:80", wanted {PORT}',
        ),
        (
            "${BIND_ADDRESS:-127.0.0.1}:${WEB_PORT",
            "${BIND_ADDRESS:-0.0.0.0}:${WEB_PORT",
            f'ports[0]: found "${{BIND_ADDRESS:-0.0.0.0}}:${{WEB_PORT:-8080}}:80", wanted {PORT}',
        ),
        (
            ', published: "${DNS_PORT:-53}"',
            "",
            f'ports[1]: found "${{BIND_ADDRESS:-127.0.0.1}}::53", wanted {PORT}',
        ),
        (
            "A=b",
            "A='hunter2'",
            (
                "environment[0]: found quotes around the value of A, wanted a mapping, or no"
                " quotes: in a list they become part of the value"
            ),
        ),
        (
            "${TAG:-1.2}",
            "${TAG-1.2}",
            "image: found ${TAG-1.2}, wanted ${TAG:-default}, so that empty means the default",
        ),
        (
            '["A=b"]',
            "{A: $B}",
            "environment.A: found ${B}, wanted ${B:-default}, so that empty means the default",
        ),
    ],
)
def test_a_broken_rule_is_named(old: str, new: str, message: str) -> None:
    """The message names file, service and key, what was found and what is wanted."""
    assert raw(old, new) == [f"c.yml: service web: {message}"]


def test_a_variable_outside_the_services_is_named_by_its_key() -> None:
    """Where no service is to blame none is named."""
    assert raw("${PROJECT:-test}", "${PROJECT}") == [
        "c.yml: name: found ${PROJECT}, wanted ${PROJECT:-default}, so that empty means the default"
    ]


def test_an_override_needs_only_what_it_changes() -> None:
    """No rule asks an override for keys of the base file."""
    text = "services: {web: {ports: !override [], x-open: !reset null}}"

    assert check_raw(parse(text, "o.yml"), "o.yml") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: !override [1, two]", [1, "two"]),
        ("a: !override {b: [1]}", {"b": [1]}),
        ("a: !override text", "text"),
        ("a: !reset [1]", None),
        ("x: &x {b: 1}\na: !override {<<: *x, c: 2}", {"b": 1, "c": 2}),
    ],
)
def test_composes_own_tags_are_read(text: str, expected: object) -> None:
    """`!override` is what stands behind it, `!reset` is nothing."""
    assert expected == parse(text, "c.yml")["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "c.yml: not YAML: "),
        ("a: " + "[" * 100_000, "c.yml: not YAML: "),
        ("a: " + "[" * 61 + "]" * 61, "c.yml: not YAML: it is deeper than 60 levels"),
        ("a: &a [*a]", "c.yml: not YAML: it is deeper than 60 levels"),
        ("a: 2026-13-45", "c.yml: not YAML: month must be in 1..12"),
        (LAUGHS, "c.yml: not YAML: it is deeper than 60 levels"),
        ("a: !other 1", "c.yml: not YAML: "),
        ("a: " + "9" * 5000, "c.yml: not YAML: "),
        ("", "c.yml: is empty, wanted a mapping"),
        ("- a", "c.yml: holds a list, wanted a mapping"),
    ],
)
def test_what_is_no_compose_file_is_a_configuration_error(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message begins with the file; the next step is to correct it."""
    monkeypatch.setattr(documents, "PARTS", 1000)  # millions take seconds
    with pytest.raises(ConfigError) as caught:
        parse(text, "c.yml")

    assert str(caught.value).startswith(message)
    assert caught.value.next_step == "correct c.yml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no variable, $5 and a $", []),
        ("$$A $${B}", []),
        ("$A-$B", [("A", "", ""), ("B", "", "")]),
        ("${A}", [("A", "", "")]),
        ("${A:-}x", [("A", ":-", "")]),
        ("${A-b}${C:?say so}", [("A", "-", "b"), ("C", ":?", "say so")]),
        ("${A:+${A:-}/}${B:-c:1}", [("A", ":+", "${A:-}/"), ("A", ":-", ""), ("B", ":-", "c:1")]),
        ("${A:-b", [("A", ":-", "b")]),
        ("${5}", []),
    ],
)
def test_variables_are_read_as_compose_reads_them(
    text: str, expected: list[tuple[str, str, str]]
) -> None:
    """Those inside another's default count too; two dollar signs are one, and no variable."""
    found = [(v.name, v.operator, v.argument) for v in variables(text)]

    assert expected == found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "# Of the workspace\nOWN=\n",
            "",
            "OWN: found nothing, wanted OWN=, below a line of meaning",
        ),
        ("TAG=\n", "TAG=\n# More\nWEB_PROT=\n", f"WEB_PROT: {UNREAD}, such as WEB_PORT"),
        ("TAG=\n", "TAG=\n# More\nQQQ=\n", f"QQQ: {UNREAD}"),
        ("TAG=\n", "TAG=\n# Again\nTAG=\n", "TAG: found a second line, wanted one line"),
        (
            *("# The image's tag\n", ""),
            "TAG: found no comment, wanted one line of meaning right above it",
        ),
        ("OWN=", "OWN= # a comment", "OWN: found a comment after the value, wanted it above"),
        ("OWN=", "OWN=a ", "OWN: found blanks around the value, wanted none"),
        ("OWN=", 'OWN="a"', "OWN: found a value in quotes, wanted it without quotes"),
        ("OWN=", "OWN=\nexport X=hunter2", 'line 17: found "export X", wanted NAME=value'),
        ("WEB_PORT=8080", "WEB_PORT=80", f'WEB_PORT: found "80", wanted "8080", {DEFAULT}'),
        (
            *("CONTAINER_PREFIX=", "CONTAINER_PREFIX=my-"),
            f'CONTAINER_PREFIX: found "my-", wanted "", {DEFAULT}',
        ),
    ],
)
def test_a_variable_that_is_documented_badly_is_named(old: str, new: str, message: str) -> None:
    """Every variable is explained once, with the default, in a form that all readers share."""
    assert old in EXAMPLE

    assert f".env.example: {message}" in of_variables(EXAMPLE.replace(old, new, 1))


def test_a_variable_is_asked_for_once_at_its_first_use() -> None:
    """BIND_ADDRESS is used twice and missing once."""
    found = of_variables(EXAMPLE.replace("# Address\nBIND_ADDRESS=127.0.0.1\n", ""))

    assert found == [
        (
            "c.yml: service web: ports[0]: found the variable BIND_ADDRESS, which .env.example does"
            " not have, wanted BIND_ADDRESS= in .env.example, below a line of meaning"
        )
    ]


def test_a_variable_has_one_default() -> None:
    """Two would make it depend on the place what an empty value means."""
    text = GOOD.replace("name: ${PROJECT:-test}", ("name: ${PROJECT:-test}\nx-a: ${TAG:-1.1}"))

    assert of_variables(EXAMPLE, text) == [
        "c.yml: service web: image: found ${TAG:-1.2}, wanted ${TAG:-1.1} as elsewhere"
    ]


def test_a_comment_in_a_compose_file_uses_no_variable() -> None:
    """Only values count."""
    assert of_variables(EXAMPLE, f"# ${{NEVER:-}}\n{GOOD}") == []


def test_the_example_is_read_with_the_line_above_each_variable() -> None:
    """A commented line is a variable that is off; a blank line ends a comment."""
    text = "# Head\n\nA=1\n# Meaning\nB=\n#C=x\n"

    assert read_example(text) == (
        Setting(name="A", value="1", off=False, meaning=""),
        Setting(name="B", value="", off=False, meaning="Meaning"),
        Setting(name="C", value="x", off=True, meaning=""),
    )
