"""Where the project and the recorded answers of real programs lie."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS_DATA = ROOT / "tests" / "data"
