"""Waiting for what becomes true in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

# Between two looks: far below what any of the awaited things takes, and no load.
PAUSE_SECONDS = 0.02


def eventually(look: Callable[[], Value], within: float = 20, what: str = "") -> Value:
    """Looks again and again until `look` returns something true, and returns that.

    An assertion that fails within `look` counts as not yet, and is what is raised at the end of
    `within` seconds.
    """
    deadline = time.monotonic() + within
    while True:
        failure = None
        try:
            found = look()
            if found:
                return found
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"not within {within} s: {what or look.__name__}")
        time.sleep(PAUSE_SECONDS)
