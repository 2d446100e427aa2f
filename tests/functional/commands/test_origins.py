"""Every message about a value says where it comes from, and what runs is what is configured."""

import os
import random
from collections import Counter

import pytest
import yaml

from tests.kit.changes import put
from tests.kit.checkout import Checkout
from tests.kit.wrong_values import Wrong, wrongs

SEED = int(os.environ.get("WRONG_VALUES_SEED") or 20261127)
"""Another one tries other values."""
COUNT, PARTS = 200, 4
"""So many, in parts that may run beside each other."""
FEWEST = {"file": 3, "environment": 1}
"""Of a part, that a command refuses; the other commands only look, or the value is right."""
COMMANDS = ("ps", "config", "env", "doctor", "down", "graph", "snapshot.list", "up --service etcd")


def lay(at: Checkout, wrong: Wrong) -> None:
    """Put a wrong value where it belongs; all else is right."""
    at.env_file.write_bytes(wrong.data if wrong.place == "file" else b"IMAGE_SOURCE=registry\n")
    if wrong.place == "environment":
        at.patch.setenv(wrong.name, os.fsdecode(wrong.data))
    if wrong.place == "compose":
        (at.root / "docker" / wrong.name).write_bytes(wrong.data)


def told_rightly(wrong: Wrong, code: int, said: str) -> bool:
    """Say whether an answer is no bug of ours and blames what is at fault, if it blames at all."""
    if code not in {0, 2, 3, 4, 5, 6, 7} or "Traceback" in said or "bug in this" in said:
        return False
    if wrong.place == "compose":
        return code != 2 or "docker-compose" in said
    if "docker-compose" in said or "compose file is broken" in said:
        return False
    if code != 2:
        return True
    where = f".env line {wrong.line}" if wrong.line else ".env line "
    return (where if wrong.place == "file" else "the environment") in said


@pytest.mark.parametrize("part", range(PARTS))
def test_no_wrong_value_is_a_bug_and_each_is_told_with_its_origin(at: Checkout, part: int) -> None:
    """200 of them, each met by one command; the seed is in the message."""
    seed, failed, refused = SEED + part, [], Counter[str]()
    chance = random.Random(seed)
    right = {file: file.read_bytes() for file in (at.root / "docker").glob("*.yml")}
    for number, wrong in enumerate(wrongs(seed, COUNT // PARTS)):
        words = chance.choice(COMMANDS)
        with at.patch.context() as patch:
            at.patch, before = patch, at.patch
            lay(at, wrong)
            code = at.inv(*words.split())
            at.patch = before
        shown = at.shown()
        refused[wrong.place] += code == 2
        if not told_rightly(wrong, code, shown.out + shown.err):
            seen = f"{wrong.name} {wrong.data[:80]!r}" if wrong.place != "compose" else wrong.name
            failed.append(f"{number}: {words}, {wrong.place} {seen}: {code} {shown.err[-300:]}")
        for file, text in right.items():
            file.write_bytes(text)

    assert not failed, "\n".join((f"seed {seed}", *failed))
    # most of these values are wrong for every command
    assert all(refused[place] >= fewest for place, fewest in FEWEST.items()), (seed, refused)


@pytest.mark.parametrize("words", ["up --service etcd", "ps", "down"])
def test_what_the_environment_overrides_is_told_once(at: Checkout, words: str) -> None:
    """In one line, with what the file says; a secret by its name only. What agrees is not told."""
    put("MEMOS_PORT", "8001")(at)
    put("NEO4J_PASSWORD", "correct-horse")(at)
    at.patch.setenv("MEMOS_PORT", "8002")
    at.patch.setenv("NEO4J_PASSWORD", "battery-staple")
    at.patch.setenv("ATTU_PORT", "3000")

    at.inv(*words.split())

    said = at.shown().err
    told = "the environment beats .env: MEMOS_PORT is '8002' (line 2: 8001), NEO4J_PASSWORD"
    assert said.count(told) == 1
    assert "ATTU_PORT" not in said
    assert "battery" not in said


def test_a_variable_of_docker_that_does_not_count_is_named(at: Checkout) -> None:
    """And no call of ours gets it."""
    at.patch.setenv("DOCKER_DEFAULT_PLATFORM", "linux/arm64")
    at.patch.setenv("COMPOSE_ANSI", "always")
    at.answer(
        "config", f'[ -z "$COMPOSE_ANSI$DOCKER_DEFAULT_PLATFORM" ] && cat {at.folder}/config.yml'
    )

    assert at.inv("ps") == 0

    told = "of the environment these do not count here: COMPOSE_ANSI, DOCKER_DEFAULT_PLATFORM"
    assert told in at.shown().err


def test_down_that_stops_nothing_says_so_and_names_what_runs(at: Checkout) -> None:
    """Another project's name in the environment is the usual reason."""
    for container in at.state["containers"].values():
        container["Config"]["Labels"]["dev.memos.stack"] = "workspace"
    at.config["name"] = "other"
    at.patch.setenv("COMPOSE_PROJECT_NAME", "other")

    assert at.inv("down") == 0

    said = at.shown().err
    assert "the environment beats .env: COMPOSE_PROJECT_NAME is 'other'" in said
    assert "nothing was stopped: the project 'other' has no container; these stacks are" in said
    assert "memos-test" in said
    assert "the data is kept" not in said


def test_a_fault_of_a_value_that_only_compose_sees_is_no_fault_of_its_file(at: Checkout) -> None:
    """Compose is asked again without the value, and the line of `.env` is told."""
    put("NEO4J_IMAGE", "neo4j@nothing")(at)
    at.answer(
        " config",
        f"""case "$NEO4J_IMAGE$*" in
        neo4j@*|*/.env\\ *) echo 'invalid reference format' >&2; exit 1 ;;
        *) cat {at.folder}/config.yml ;;
        esac""",
    )

    assert at.inv("ps") == 2

    said = at.shown().err
    assert "error: .env line 2: NEO4J_IMAGE is 'neo4j@nothing'; the compose file cannot be" in said
    assert "invalid reference format" in said
    assert f"next: edit {at.env_file}" in said


def test_a_value_that_readers_would_read_differently_stops_the_start(at: Checkout) -> None:
    """With its line and what to write instead, and nothing is asked of Compose; quotes do."""
    put("MEMRADER_API_BASE", "https://m.example/v1")(at)
    put("MEMRADER_API_KEY", "sk-live$SECRETpart")(at)
    assert at.inv("up", "--service", "etcd") == 2
    said = at.shown().err
    assert "error: .env line 3: MEMRADER_API_KEY holds a $: Compose would put something" in said
    assert "wanted single quotes around the value: MEMRADER_API_KEY='…'" in said
    assert "SECRET" not in said
    assert at.calls() == []

    at.env_file.write_text("IMAGE_SOURCE=registry\nMEMRADER_API_KEY='sk-live$SECRETpart'\n")
    put("MEMRADER_API_BASE", "https://m.example/v1")(at)
    assert at.inv("up", "--service", "etcd") == 0


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("latin-1", "WINDOWS-1252"), ("gbk", "GBK"), ("utf-16", "UTF-16")],
)
def test_a_file_in_another_encoding_is_told_so(at: Checkout, encoding: str, told: str) -> None:
    """By every command, and by the checkup among all else that it finds."""
    text = "密码-12345" if encoding == "gbk" else "grüße-12345"
    at.env_file.write_bytes(f"NEO4J_PASSWORD={text}\n".encode(encoding))

    for words in ("ps", "up"):
        assert at.inv(words) == 2
        assert f".env line 1 is not UTF-8 (it looks like {told})" in at.shown().err
    assert at.inv("doctor") == 5
    assert f".env line 1 is not UTF-8 (it looks like {told})" in at.shown().out


def test_next_steps_name_the_file_in_use(at: Checkout) -> None:
    """And the commands in them use it too."""
    other = at.root / "two.env"
    other.write_text("IMAGE_SOURCE=registry\nMEMOS_PORT=x\n")
    at.patch.setenv("ENV_FILE", str(other))
    del at.state["containers"]["id-etcd"]

    assert at.inv("up") == 2
    said = at.shown().err
    assert "two.env line 2: MEMOS_PORT is 'x'" in said
    assert f"next: edit {other}" in said

    other.write_text("IMAGE_SOURCE=registry\n")
    assert at.inv("restart", "--service", "etcd") == 2
    assert f"next: ENV_FILE={other} inv up --service etcd" in at.shown().err


def test_env_shows_what_the_containers_were_given(at: Checkout) -> None:
    """What differs from what they would be given now is marked; a secret stays one."""
    put("MEM_READER_BACKEND", "multimodal_struct")(at)
    put("NEO4J_PASSWORD", "correct-horse")(at)
    now = {"MEM_READER_BACKEND": "multimodal_struct", "HF_HUB_OFFLINE": "1"}
    at.config["services"]["memos"]["environment"] |= {**now, "NEO4J_PASSWORD": "correct-horse"}
    at.state["containers"]["id-memos"]["HostConfig"] = {
        "PortBindings": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8001"}]},
        "Memory": 2**30,
    }
    config = at.state["containers"]["id-memos"]["Config"]
    config["Env"] = [
        *("MEM_READER_BACKEND=simple_struct", "HF_HUB_OFFLINE=1", "NEO4J_PASSWORD=old-horse")
    ]

    assert at.inv("env") == 0

    rows = {line.split()[0]: line for line in at.shown().out.splitlines()}
    assert rows["MEM_READER_BACKEND"].endswith("≠ memos has simple_struct")
    assert ".env line 2" in rows["MEM_READER_BACKEND"]
    assert rows["HF_HUB_OFFLINE"].endswith("the same")
    assert rows["NEO4J_PASSWORD"].endswith("≠ memos has another")
    assert "horse" not in "".join(rows.values())
    assert rows["MEMOS_PORT"].endswith("≠ memos has 8001")
    assert "memos has" not in rows["BIND_ADDRESS"]
    assert rows["MEMOS_MEMORY"].endswith("the same")


def test_env_needs_no_engine(at: Checkout) -> None:
    """The settings are there all the same."""
    at.patch.setenv("DOCKER_HOST", "unix:///nowhere.sock")

    assert at.inv("env") == 0

    shown = at.shown()
    assert "MEMOS_PORT" in shown.out
    assert "no container was asked: DOCKER_HOST=" in shown.err


@pytest.mark.parametrize(
    "secret", ["🙂-horse-🙂", "horse\x7f\x85", "horse\nback", "pa'$x\": horse", "*horse"]
)
def test_the_resolved_file_is_yaml_that_hides_every_secret(at: Checkout, secret: str) -> None:
    """Whatever YAML makes of a secret; a program can read the rest."""
    at.patch.setenv("MILVUS_PASSWORD", secret)
    environment = {"PASSWORD": secret, "LOGIN": f"root:{secret}", "ELSE": "a$$b"}
    at.config["services"]["milvus"]["environment"] |= {
        **environment,
        "PASSWORD": secret.replace("$", "$$"),
        "LOGIN": f"root:{secret.replace('$', '$$')}",
    }

    assert at.inv("config") == 0

    shown = at.shown().out
    assert "horse" not in shown
    found = yaml.safe_load(shown)["services"]["milvus"]["environment"]
    wanted = {"PASSWORD": "********", "LOGIN": "root:********", "ELSE": "a$$b"}
    assert wanted.items() <= found.items()
