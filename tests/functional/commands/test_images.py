"""`inv images.status`, `images.build` and `images.pull`."""

from scripts.images import base_image
from scripts.images.jobs import Job
from scripts.images.recipes import BASE_TAG
from tests.kit.changes import built
from tests.kit.checkout import Checkout


def test_images_status_says_what_is_missing(at: Checkout) -> None:
    """A table on stdout."""
    del at.state["images"]["docker.io/library/etcd:1.2"]

    assert at.inv("images.status") == 0

    lines = at.shown().out.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["here"] * 4 + ["missing"]


def test_the_base_image_is_there_before_what_is_built_upon_it(at: Checkout) -> None:
    """How it is made is tried with a real engine, in e2e."""
    built(at, "etcd")
    at.config["services"]["etcd"]["build"]["args"] = {"BASE": BASE_TAG}
    log = at.folder / "base.log"
    script = f"docker calls; touch {at.folder}/made"
    base = Job(name="base", argv=["sh", "-c", script], log=log)
    at.patch.setattr(base_image, "jobs", lambda *_: (base,))

    assert at.inv("images.build") == 0

    assert (at.folder / "made").exists()
    calls = [call for call in at.calls() if call == "calls" or call.startswith("build ")]
    assert [call.split()[0] for call in calls] == ["calls", "build"]


def test_images_are_built_or_pulled_on_request(at: Checkout) -> None:
    """What is built here is not pulled, and the other way round."""
    built(at, "etcd")

    assert at.inv("images.build") == 0
    assert at.inv("images.pull", "--service", "milvus") == 0
    assert at.inv("images.pull", "--service", "etcd") == 0

    calls = [call.split()[0] for call in at.calls() if call.startswith(("build ", "pull "))]
    assert calls == ["build", "pull"]
    assert "nothing to pull: with IMAGE_SOURCE=registry use inv images.build" in (at.shown().err)
