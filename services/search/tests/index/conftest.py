"""One suite for both engines: `library` is an empty index of each, with a way to fill it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from search_support.library import Library

from webox_search.index.base import SearchIndex
from webox_search.index.embedded import EmbeddedIndex
from webox_search.index.meilisearch import MeilisearchIndex

MEILISEARCH_URL = os.environ.get("WEBOX_TEST_MEILISEARCH_URL")
MEILISEARCH_KEY = os.environ.get("WEBOX_TEST_MEILISEARCH_KEY")
ENGINES = ["embedded", "meilisearch"] if MEILISEARCH_URL else ["embedded"]


@pytest.fixture(params=ENGINES)
async def library(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Library]:
    index: SearchIndex = EmbeddedIndex(tmp_path / "index")
    if request.param == "meilisearch":
        index = MeilisearchIndex(str(MEILISEARCH_URL), MEILISEARCH_KEY, name=f"test-{uuid4().hex}")
    rebuild = await index.begin_rebuild()
    await rebuild.finish()
    yield Library(index)
    await index.close()


@pytest.fixture
async def embedded(library: Library) -> Library:
    """A library on the embedded engine, for what Meilisearch has not."""
    if not isinstance(library.index, EmbeddedIndex):
        pytest.skip("Meilisearch has not got this")
    return library
