"""Memories through the API: one put in, and all that it knows of a cube."""

import requests

from tests.e2e.kit.checkout import Checkout


def remember(stack: Checkout, cube: str, text: str) -> None:
    """Put one memory into a cube through the API."""
    body = {
        "user_id": cube,
        "writable_cube_ids": [cube],
        "async_mode": "sync",
        "mode": "fast",
        "messages": [{"role": "user", "content": text}],
    }
    answer = requests.post(stack.url("MEMOS_PORT", "/product/add"), json=body, timeout=60)
    assert answer.json()["data"]


def recall(stack: Checkout, cube: str) -> str:
    """Return all that the API knows of a cube, as text."""
    body = {"user_id": cube, "mem_cube_ids": [cube], "memory_type": "text_mem"}
    return requests.post(stack.url("MEMOS_PORT", "/product/get_all"), json=body, timeout=60).text


def say(stack: Checkout, cube: str, text: str) -> None:
    """Say something to the API as it is said by default: what becomes of it comes later."""
    body = {
        "user_id": cube,
        "writable_cube_ids": [cube],
        "messages": [{"role": "user", "content": text}],
    }
    answer = requests.post(stack.url("MEMOS_PORT", "/product/add"), json=body, timeout=60)
    assert answer.json()["code"] == 200


def preferences(stack: Checkout, cube: str, question: str) -> list[str]:
    """Search as by default; return the preferences that are found, the nearest first."""
    body = {"user_id": cube, "readable_cube_ids": [cube], "query": question}
    answer = requests.post(stack.url("MEMOS_PORT", "/product/search"), json=body, timeout=60)
    found = answer.json()["data"]["pref_mem"]
    return [one["metadata"]["preference"] for cube in found for one in cube["memories"]]
