"""Runs the steps of a job of `.github/workflows/` here, in their order: checks official.

As of a pull request of a fork: without secrets. Actions of others are left out and named, as are
steps that begin with what `--without` says. The exit code is 1 when a step failed.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence

from tests.kit import workflows
from tests.kit.places import ROOT
from tests.kit.workflows import Ran, Runner

BEATS = "beats what the workflow sets"


def main(words: Sequence[str]) -> int:
    """Run a job; tell each step as it ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.public.steps", description=__doc__)
    parser.add_argument("workflow", choices=sorted(f.stem for f in workflows.FOLDER.glob("*.yml")))
    parser.add_argument("job")
    parser.add_argument("--without", action="append", default=[], metavar="WORDS")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help=BEATS)
    given = parser.parse_args(words)
    began = time.monotonic()

    def told(ran: Ran) -> None:
        state = f"exit {ran.exit_code}" if ran.exit_code is not None else "left out"
        sys.stdout.write(f"{ran.output}{state}, {time.monotonic() - began:.0f} s: {ran.what}\n")
        sys.stdout.flush()

    runner = Runner(
        root=ROOT,
        environ={**os.environ, "CI": "true", "GITHUB_REF_NAME": "v0.1.0"},
        context={"github": {"event_name": "pull_request"}, "matrix": {"runner": "here"}},
        without=tuple(given.without),
        instead=dict(workflows.assignments("\n".join(given.env))),
        say=told,
    )
    document = workflows.document(workflows.FOLDER / f"{given.workflow}.yml")
    runner.job(document, given.job)
    return int(runner.failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
