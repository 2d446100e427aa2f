"""What lies at the top of the repository: known names and no others."""

import pytest

from scripts.core.process import run
from tests.kit.places import ROOT

KNOWN = frozenset(
    [
        ".ci",
        ".devcontainer",
        ".env.example",
        ".github",
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "README.md",
        "README.zh-CN.md",
        "action.yml",
        "dev",
        "docker",
        "docs",
        "noxfile.py",
        "pyproject.toml",
        "requirements",
        "schemas",
        "scripts",
        "tasks.py",
        "tests",
    ]
)


def test_nothing_else_was_committed_there() -> None:
    """As what a test wrote into its working folder."""
    found = run(["git", "-C", str(ROOT), "ls-files", "-z"])
    if found.exit_code:
        pytest.skip("this is no clone")

    names = {one.partition("/")[0] for one in found.stdout.split("\0") if one}
    assert names == KNOWN
