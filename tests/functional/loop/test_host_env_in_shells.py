"""Shells read the file of variables as it was meant, whatever the values hold."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.loop import host_env

LETTERS = [*"ab$`'\"\\{}()! #=;\n\t~*&|<>", "${A}", "$(exit 3)", "\\n", "é", "中", "\u2028"]
ROUNDS = 400


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_reads_every_value_as_it_was(tmp_path: Path, shell: str) -> None:
    """And runs nothing that stands in one."""
    chance = random.Random(14)
    values = {
        f"V{n}": "".join(chance.choices(LETTERS, k=chance.randrange(9))) for n in range(ROUNDS)
    }
    file = tmp_path / "my .env.host"
    host_env.write(file, tmp_path / ".env", values)

    script = f"{host_env.shell_lines(file)}; env -0"
    asked = subprocess.run(
        [str(shutil.which(shell)), "-c", script], capture_output=True, check=True, env={}
    )

    pairs = (one.partition("=") for one in asked.stdout.decode().split("\0"))
    read = {name: value for name, _, value in pairs}
    assert {name: read.get(name) for name in values} == values
    assert file.stat().st_mode & 0o777 == 0o600
