"""No secret of the settings leaves, wherever it was written."""

import base64
import os
from contextlib import closing

import pytest

from scripts.config.env_text import lines
from scripts.core.checkout import Checkout as Here
from scripts.core.polling import until_none
from scripts.core.process import run
from scripts.core.texts import is_secret
from scripts.live.feed import Feed
from tests.kit.checkout import Checkout
from tests.kit.fake_engine import FakeEngine, framed
from tests.kit.live import PATIENCE, served
from tests.kit.places import ROOT
from tests.kit.servers import unix

EXAMPLE = lines((ROOT / ".env.example").read_text(encoding="utf-8"))
SECRETS = {one.name: f"geheim-{one.name}-1" for one in EXAMPLE if is_secret(one.name)}
"""Every variable that `inv env` masks, with a value that is nowhere else."""


def test_no_masked_value_of_the_settings_is_in_anything_that_is_sent(
    at: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in a log that is evidence, the output of a check, an error, nor a name."""
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "memos-test")
    at.env_file.write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    said = " ".join(SECRETS.values())
    containers = at.state["containers"]
    check = {"Start": "2026-11-23T02:00:00Z", "End": "2026-11-23T02:00:01Z", "ExitCode": 1}
    health = {"Status": "unhealthy", "Log": [check | {"Output": said}]}
    containers["id-milvus"]["State"]["Health"] = health
    containers["id-neo4j"]["State"] |= {"Status": "exited", "ExitCode": 1, "Error": said}
    containers["id-qdrant"]["State"] |= {"Status": "exited", "ExitCode": 1, "Error": ""}
    log = framed(*(f"ERROR: password is {value}" for value in SECRETS.values()))
    at.state["logs"] = {"id-qdrant": base64.b64encode(log).decode()}
    at.config["services"]["milvus"]["image"] = f"example/{SECRETS['NEO4J_PASSWORD']}:1"
    here = Here(root=at.root, environ=dict(os.environ), runner=run, say=lambda _: None)

    with unix(FakeEngine(at.state).respond, at.socket):
        at.serve()
        feed = Feed(here)
        with served(feed) as viewer, closing(viewer.stream()) as stream:
            stream.until("state")
            feed.put(memos={"said": said})
            while "memos" not in stream.until("change")[1]:
                pass
            # what runs goes on with it
            at.env_file.write_text("NEO4J_PASSWORD=another-one\n")
            until_none(
                lambda: "another-one" not in feed.mask.secrets, timeout=PATIENCE, interval=0.05
            )
            feed.put(memories={"said": said})
            while "memories" not in stream.until("change")[1]:
                pass
            sent = stream.text + viewer.ask("/session").body + viewer.ask("/").body

    assert "********" in sent
    assert "unhealthy" in sent
    assert [name for name, value in SECRETS.items() if value in sent] == []
