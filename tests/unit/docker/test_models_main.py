"""The service knows the models that the settings name, and loads the one that is wanted."""

from pathlib import Path

import pytest
from memos_models.__main__ import LOADERS, main

from scripts.config.settings import LOCAL_MODELS


def test_it_knows_the_models_that_the_settings_know() -> None:
    """In the same order: the first is the default."""
    assert tuple(LOADERS) == LOCAL_MODELS


def test_another_name_ends_it_with_the_names_it_knows(tmp_path: Path) -> None:
    """Plain Compose checks no name before it starts."""
    with pytest.raises(SystemExit, match="is 'bge-m3', and the models here are multilingual-e5"):
        main(tmp_path, "bge-m3", 0)


@pytest.mark.parametrize("name", LOADERS)
def test_without_its_files_it_ends_with_the_folder(tmp_path: Path, name: str) -> None:
    """No traceback."""
    pytest.importorskip("tokenizers")

    with pytest.raises(SystemExit, match=rf"no model in .*{name}"):
        main(tmp_path, name, 0)
