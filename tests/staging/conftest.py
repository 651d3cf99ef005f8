"""A database whose events each example fills anew."""

from tests.oracles.source import source as source
