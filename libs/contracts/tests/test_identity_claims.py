from typing import Any

import pytest
from pydantic import ValidationError

from webox_contracts.identity import Identity, Scope


class TestIdentity:
    def test_takes_the_claims_of_an_assertion(self) -> None:
        identity = Identity.model_validate(
            {"user_id": "7", "role": "admin", "scopes": ["chat", "dashboard:read"]}
        )
        assert identity.user_id == 7
        assert identity.scopes == {Scope.CHAT, Scope.DASHBOARD_READ}

    @pytest.mark.parametrize(
        "claims",
        [
            {"user_id": "x", "role": "user", "scopes": []},
            {"user_id": 1, "role": "root", "scopes": []},
            {"user_id": 1, "role": "user", "scopes": ["all"]},
            {"user_id": 1, "role": "user"},
        ],
    )
    def test_refuses_others(self, claims: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            Identity.model_validate(claims)

    def test_cannot_be_changed(self) -> None:
        identity = Identity(user_id=1, role="user", scopes=frozenset())
        with pytest.raises(ValidationError):
            identity.role = "admin"  # type: ignore[misc]
