"""Nothing secret leaves: each value that `inv env` masks, in whatever form it is written."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config import settings
from scripts.core.texts import MASK, is_secret, masked, without_logins
from scripts.live.masks import Mask
from tests.kit.builders import settings_of
from tests.kit.places import ROOT

CODED = re.compile("%..")
WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda value: json.dumps(json.dumps(value)),
    "JSON with all letters": lambda value: json.dumps(value, ensure_ascii=False),
    "a path": quote,
    "a URL": lambda value: f"http://neo4j:{value}@neo4j:7474/db",
    "a part of a URL": lambda value: f"http://neo4j:{quote(value, safe='')}@neo4j:7474/db",
    "a query": lambda value: f"/search?q=1&key={quote_plus(value)}&z=2",
    "a query in small letters": lambda value: CODED.sub(
        lambda code: code[0].lower(), quote_plus(value)
    ),
}
PASSWORD = "päss/w$rd+\"q'uote\\ &7"


def example() -> dict[str, str]:
    """Return a value of its own for each variable that is a secret."""
    given = settings.load(ROOT, {"ENV_FILE": str(ROOT / ".env.example")})
    return {name: f"value-of-{name}-7" for name in given.names() if is_secret(name)}


@pytest.mark.parametrize("form", WRITTEN)
def test_every_masked_value_is_hidden_in_every_form(tmp_path: Path, form: str) -> None:
    """Also beside others, and in a document at any depth."""
    values = example()
    (tmp_path / ".env.example").write_text("".join(f"{k}=\n" for k in values))
    found = Mask(settings.load(tmp_path, values))
    lines = {name: f"said {WRITTEN[form](value)} twice" for name, value in values.items()}

    shown = json.dumps(found.document({"one": [{"deep": tuple(lines.values())}], "n": 1}))

    assert len(values) > 5
    assert [name for name, value in values.items() if value in shown] == []
    assert shown.count(MASK) >= len(values)


@pytest.mark.parametrize("form", WRITTEN)
def test_a_password_of_odd_letters_is_hidden_too(tmp_path: Path, form: str) -> None:
    """Whatever quotes, strokes and blanks it has: nothing of it is left."""
    (tmp_path / ".env.example").write_text("NEO4J_PASSWORD=\n")
    found = Mask(settings.load(tmp_path, {"NEO4J_PASSWORD": PASSWORD}))

    shown = found.mask(f"before {WRITTEN[form](PASSWORD)} after")

    assert "7" not in shown.replace(":7474", "")
    assert (shown.startswith("before "), shown.endswith(" after")) == (True, True)


@given(st.text(st.characters(codec="utf-8"), min_size=4), st.sampled_from(sorted(WRITTEN)[1:]))
def test_any_secret_is_hidden(secret: str, form: str) -> None:
    """Also one of control characters, or of letters of no alphabet."""
    written = WRITTEN[form](secret)

    assert written not in masked(written, [secret])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "git+https://me:token@host/x and http://b@c",
            f"git+https://{MASK}@host/x and http://{MASK}@c",
        ),
        ('{"u": "https:\\/\\/me:p@ss@host\\/"}', f'{{"u": "https:\\/\\/{MASK}@host\\/"}}'),
        ("http://host/path@2 mail me@host, see a://b c@d", None),
    ],
)
def test_the_login_of_a_url_is_hidden_whosever_it_is(text: str, shown: str | None) -> None:
    """An `@` elsewhere stays as it is."""
    assert without_logins(text) == (shown or text)


@pytest.mark.parametrize("word", ["milvus", "running", "healthy", "up", "snapshot.save"])
def test_a_secret_that_is_a_word_of_ours_makes_no_other_document(tmp_path: Path, word: str) -> None:
    """A text that is a service's name, a task, or a value of a schema stays; within one it goes."""
    (tmp_path / ".env.example").write_text("MILVUS_PASSWORD=\n")
    found = Mask(settings.load(tmp_path, {"MILVUS_PASSWORD": word}), (), ["memos", "milvus"])

    document = {"order": ["memos", word], "state": word, "text": f"login root {word} failed"}

    assert found.document(document) == document | {"text": f"login root {MASK} failed"}
    assert found.mask(word) == MASK


def test_what_is_no_secret_is_left_alone(tmp_path: Path) -> None:
    """EMPTY, which stands for no key, and numbers, as they are."""
    (tmp_path / ".env.example").write_text("OPENAI_API_KEY=EMPTY\nNEO4J_PASSWORD=12345678\n")
    found = Mask(settings_of(tmp_path, ""))

    assert found.document({"12345678": [12345678, None, True, "EMPTY"]}) == {
        "12345678": [12345678, None, True, "EMPTY"]
    }
    assert found.mask("12345678") == MASK
