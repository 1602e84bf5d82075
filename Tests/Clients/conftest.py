"""The gateway under test: `sunny demo` as a user starts it.

Tests share one demo where they only make objects of their own, and have one to themselves where
they break something.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.demo import Demo


def started(folder: Path) -> Iterator[Demo]:
    """A demo whose books must agree with the acquirer's in the end, whatever was done to it."""
    demo = Demo(folder)
    try:
        yield demo.start()
        demo.assert_reconciled()
    finally:
        demo.stop()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo that all tests share which leave it as they found it."""
    yield from started(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def new_demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo for one test."""
    yield from started(tmp_path / "demo")


@pytest.fixture(scope="module")
def own_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo for the tests of one module, which may kill what it consists of."""
    yield from started(tmp_path_factory.mktemp("own-demo"))
