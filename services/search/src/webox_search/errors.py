"""What can go wrong in search, as callers meet it."""

from webox_kit.errors import UnavailableError


class IndexUnavailableError(UnavailableError):
    """The engine cannot answer or accept anything at the moment."""

    def __init__(self, detail: str = "Search is away for the moment.") -> None:
        super().__init__(detail, retry_after=5)


class IndexLostError(IndexUnavailableError):
    """The index is gone, or of another schema: it must be built anew before it takes changes."""

    def __init__(self) -> None:
        super().__init__("The search index is being built anew.")
