"""What a stack is put together from, by the MemOS that runs and what is wished."""

from dataclasses import replace

import pytest

from scripts.config import selection
from scripts.config.choice import DEBUG, WITHOUT_MILVUS, choose, missing_milvus
from scripts.config.release import Memos
from tests.kit.builders import service, stack

SEED, NEWER = Memos(version="2.0.6"), Memos(version="2.0.33")
ALL, APART = (), (WITHOUT_MILVUS,)


@pytest.mark.parametrize(
    ("memos", "with_milvus", "overlays", "without"),
    [
        (SEED, "", ALL, ""),
        (SEED, "yes", ALL, ""),
        (SEED, "no", APART, "WITH_MILVUS=no"),
        (NEWER, "", APART, "MemOS 2.0.33 does not use it"),
        (NEWER, "no", APART, "MemOS 2.0.33 does not use it"),
        (NEWER, "yes", APART, ""),
    ],
)
def test_milvus_starts_where_it_is_used_or_wished(
    memos: Memos, with_milvus: str, overlays: tuple[str, ...], without: str
) -> None:
    """The seven containers of the seed stay; where it is not used the API does not wait for it."""
    chosen = choose(memos, with_milvus=with_milvus, local_models=False)

    assert (chosen.overlays, chosen.without) == (overlays, without)
    # its services are known then too, so that they can be named
    assert chosen.profiles == (("milvus",) if overlays else ())


def test_the_local_model_is_a_profile_of_its_own() -> None:
    """Beside the other, or alone."""
    assert choose(SEED, with_milvus="", local_models=True).profiles == ("models",)
    assert choose(NEWER, with_milvus="", local_models=True).profiles == ("models", "milvus")


@pytest.mark.parametrize(("memos", "others"), [(SEED, ALL), (NEWER, APART)])
def test_a_debugger_is_a_file_over_all_others(memos: Memos, others: tuple[str, ...]) -> None:
    """Its port is published by that alone, so it is there only while it is wished."""
    wished = choose(memos, with_milvus="", local_models=False, debugged=True)

    assert wished.overlays == (*others, DEBUG)


def test_preferences_have_a_profile_where_milvus_would_keep_them() -> None:
    """Its store belongs to the package-built images; newer releases keep them elsewhere."""
    wanted = {"local_models": False, "preferences": True}

    assert choose(SEED, with_milvus="", **wanted).profiles == ("preferences",)
    assert choose(SEED, with_milvus="no", **wanted).profiles == ("milvus", "preferences")
    assert choose(NEWER, with_milvus="", **wanted).profiles == ("milvus",)


@pytest.mark.parametrize(
    ("memos", "with_milvus", "preferences", "missing"),
    [
        (SEED, "no", True, True),
        (SEED, "no", False, False),
        (SEED, "", True, False),
        (NEWER, "no", True, False),
    ],
)
def test_milvus_is_missed_where_preferences_would_be_in_it(
    memos: Memos, with_milvus: str, *, preferences: bool, missing: bool
) -> None:
    """Nothing else needs it."""
    assert missing_milvus(memos, with_milvus=with_milvus, preferences=preferences) is missing


def test_what_is_not_wanted_is_known_by_name_and_its_data_always() -> None:
    """An older release may have left some, and `reset --all` means all."""
    asked_for = replace(service("milvus"), wanted=False, data_group="milvus")
    both = stack(asked_for, replace(service("neo4j"), data_group="neo4j"))

    assert selection.services(both, ()) == ("neo4j",)
    assert selection.services(both, ["milvus"]) == ("milvus",)
    assert selection.data_groups(both, ()) == ("milvus", "neo4j")
