"""Clients of a Meilisearch server, with a key that reaches nothing but Webox's own indexes."""

from threading import Lock

from meilisearch import Client
from meilisearch.errors import MeilisearchApiError
from meilisearch.models.key import Key

_REQUEST_SECONDS = 10
_MOST_KEYS = 1000
_ACTIONS = ["documents.*", "indexes.*", "search", "settings.*", "stats.get", "tasks.*"]
# https://www.meilisearch.com/docs/reference/errors/error_codes: "it is not the master key"
_NO_MASTER_KEY = frozenset({"invalid_api_key", "missing_master_key"})


class MeilisearchServer:
    """Makes clients: one for each piece of work, since their headers are not safe to share.

    Given the master key, it has the server make a key of its own, at the first work and once: the
    next start finds it by its name. Any other key is used as it is.
    """

    def __init__(self, url: str, key: str | None, name: str) -> None:
        """`name` is what the names of its indexes begin with, before a dash."""
        self._url = url
        self._given_key = key
        self._name = name
        self._key: str | None = None
        self._lock = Lock()

    def client(self) -> Client:
        """Waits for the server at the first time, so call it in a thread.

        Raises:
            MeilisearchError: the server does not answer, or not as it should.
        """
        with self._lock:
            if self._given_key is not None and self._key is None:
                self._key = self._own_key(self._given_key)
        return Client(self._url, self._key, timeout=_REQUEST_SECONDS)

    def _own_key(self, given: str) -> str:
        client = Client(self._url, given, timeout=_REQUEST_SECONDS)
        try:
            known = client.get_keys({"limit": _MOST_KEYS}).results
        except MeilisearchApiError as error:
            if error.code in _NO_MASTER_KEY:
                return given
            raise
        own = next((each for each in known if self._fits(each)), None)
        return (own or client.create_key({**self._wanted, "expiresAt": None})).key

    @property
    def _wanted(self) -> dict[str, object]:
        return {
            "name": f"{self._name} search",
            "description": "Made by Webox's search service: its own indexes, and nothing else.",
            "actions": _ACTIONS,
            "indexes": [f"{self._name}-*"],
        }

    def _fits(self, key: Key) -> bool:
        return (
            key.name == self._wanted["name"]
            and key.indexes == self._wanted["indexes"]
            and set(key.actions) == set(_ACTIONS)
            and key.expires_at is None
        )
