"""The gateway under test: `sunny demo` as a user starts it.

Tests share one demo where they only make objects of their own, and have one to themselves where
they break something.

A node holds a sixth of a gigabyte of disk for its journal before the first payment, and some
hundred nodes run here; therefore a folder goes with its test, unless the test has failed.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.demo import Demo

# The folders that are given back, each with how many tests had failed when it was lent.
RETURNED = pytest.StashKey[list[tuple[Path, int]]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    # Only here is it known how the last fixture ended, which compares the books.
    outcome = yield
    returned = item.session.stash.setdefault(RETURNED, [])
    while returned:
        folder, failures = returned.pop()
        if item.session.testsfailed == failures:
            shutil.rmtree(folder)
    return outcome


def lent(request: pytest.FixtureRequest, factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that is removed after its tests, if none of them failed."""
    failures = request.session.testsfailed
    folder = factory.mktemp(re.sub(r"\W", "_", request.node.name)[:40])
    yield folder
    request.session.stash.setdefault(RETURNED, []).append((folder, failures))


@pytest.fixture
def tmp_path(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder for one test."""
    yield from lent(request, tmp_path_factory)


@pytest.fixture(scope="module")
def module_path(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder for what the tests of one module share."""
    yield from lent(request, tmp_path_factory)


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
def own_demo(module_path: Path) -> Iterator[Demo]:
    """A demo for the tests of one module, which may kill what it consists of."""
    yield from started(module_path / "own-demo")
