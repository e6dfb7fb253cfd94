"""Which engine serves: the settings decide, nothing else knows."""

from webox_kit.errors import ConfigurationError
from webox_search.index.base import SearchIndex
from webox_search.index.embedded import EmbeddedIndex
from webox_search.settings import SearchSettings


def open_index(settings: SearchSettings) -> SearchIndex:
    """The index that the settings name; nothing is connected to or written yet."""
    if settings.meilisearch_url:
        return _meilisearch(settings.meilisearch_url, settings)
    if settings.index_dir is None:
        raise ConfigurationError("Set WEBOX_INDEX_DIR or WEBOX_MEILISEARCH_URL.")
    return EmbeddedIndex(settings.index_dir)


def _meilisearch(url: str, settings: SearchSettings) -> SearchIndex:
    # Its client costs memory that the embedded run does without.
    from webox_search.index.meilisearch import MeilisearchIndex  # noqa: PLC0415 - as said above

    key_file = settings.meilisearch_key_file
    return MeilisearchIndex(url, key_file.read_text("ascii").strip() if key_file else None)
