"""Amounts that no other payment of the run has, so that an amount finds its payment anywhere."""

import itertools

# Well above every currency's minimum for the currencies that tests use it with, and far from the
# maximum of 99,999,999 however many payments there are.
_amounts = itertools.count(20_000)


def next_amount() -> int:
    """An amount in minor units; may be called from any thread."""
    return next(_amounts)
