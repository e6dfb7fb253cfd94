"""The way in for other services of Webox: `/internal`, which for anybody else is not there."""

from starlette.types import Scope

from webox_contracts.identity import ASSERTION_HEADER
from webox_kit.errors import NotAuthenticatedError
from webox_kit.identity import AssertionVerifier

_PATHS = frozenset({b"/internal/product-events"})
_ASSERTION = ASSERTION_HEADER.encode()


def admitted(scope: Scope, verifier: AssertionVerifier) -> Scope | None:
    """What our own app may see of a service's request; None for everybody else's.

    Only these very paths, spelled like this: every other spelling is a stranger's.
    """
    if scope["method"] != "GET" or scope["raw_path"] not in _PATHS:
        return None
    assertions = [(name, value) for name, value in scope["headers"] if name == _ASSERTION]
    if len(assertions) != 1:
        return None
    try:
        verifier.service(assertions[0][1].decode("latin-1"))
    except NotAuthenticatedError:
        return None
    return {**scope, "headers": assertions}
