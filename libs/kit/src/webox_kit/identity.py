"""Who is calling: the gateway's assertions about users, and services' about themselves.

The gateway signs (Ed25519), services verify with the public key only. Calls between services,
on `/internal/*` alone, carry an HS256 assertion made with the shared service secret. Both are
JWTs (RFC 7519) with the called service as audience; clocks may differ by 60 s. By more, and the
service says what time it is, and is asked again with an assertion made for that.
"""

from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError
from joserfc.jwk import OctKey, OKPKey
from pydantic import ValidationError

from webox_contracts.identity import (
    ASSERTION_HEADER,
    CLOCK,
    SERVICE_ISSUER,
    USER_ISSUER,
    Identity,
)
from webox_kit import clock
from webox_kit.errors import ConfigurationError, ForbiddenError, NotAuthenticatedError
from webox_kit.peer_clocks import PeerClocks

LEEWAY_SECONDS = 60
LIFETIME_SECONDS = 60
_REMEMBERED_ASSERTIONS = 4096
_TIMES = {"exp", "iat", "nbf"}


class AssertionSigner:
    """The gateway's side: signs who a request acts for. Needs the private key."""

    def __init__(self, private_key_file: Path) -> None:
        self._key = _read_key(private_key_file, private=True)
        self.clocks = PeerClocks()

    def sign(self, identity: Identity, audience: str) -> str:
        """An assertion that `audience` accepts for the next minute."""
        claims = {
            **_standard_claims(
                USER_ISSUER, str(identity.user_id), audience, self.clocks.now(audience)
            ),
            "role": identity.role,
            "scopes": sorted(identity.scopes),
        }
        return jwt.encode({"alg": "Ed25519"}, claims, self._key, algorithms=["Ed25519"])


class ServiceSigner:
    """A service's side of `/internal/*` calls: says which service is calling."""

    def __init__(self, service: str, secret: bytes) -> None:
        self._service = service
        self._key = OctKey.import_key(secret)
        self.clocks = PeerClocks()

    def headers(self, audience: str) -> dict[str, str]:
        """The headers of one internal call to `audience`."""
        now = self.clocks.now(audience)
        claims = _standard_claims(SERVICE_ISSUER, self._service, audience, now)
        return {ASSERTION_HEADER: jwt.encode({"alg": "HS256"}, claims, self._key)}


class AssertionVerifier:
    """Verifies both kinds of assertion for one service, remembering the verified ones."""

    def __init__(self, audience: str, public_key_file: Path, service_secret: bytes) -> None:
        self._user_key = _read_key(public_key_file, private=False)
        self._service_key = OctKey.import_key(service_secret)
        self._user_claims = _claims_registry(USER_ISSUER, audience)
        self._service_claims = _claims_registry(SERVICE_ISSUER, audience)
        self._remembered: dict[str, tuple[Identity, int]] = {}

    def user(self, assertion: str | None) -> Identity:
        """The user an assertion is about.

        Raises:
            NotAuthenticatedError: missing, forged, expired, or for another service.
        """
        if assertion is None:
            raise NotAuthenticatedError("This service is reached through the gateway.")
        remembered = self._remembered.get(assertion)
        if remembered and clock.timestamp() < remembered[1] + LEEWAY_SECONDS:
            return remembered[0]
        identity, expires_at = self._verified(assertion)
        if len(self._remembered) >= _REMEMBERED_ASSERTIONS:
            self._remembered.clear()
        self._remembered[assertion] = (identity, expires_at)
        return identity

    def service(self, assertion: str | None) -> str:
        """The name of the calling service.

        Raises:
            NotAuthenticatedError: missing, forged, expired, or for another service.
        """
        claims = _decode(assertion or "", self._service_key, "HS256", self._service_claims)
        return str(claims["sub"])

    def _verified(self, assertion: str) -> tuple[Identity, int]:
        claims = _decode(assertion, self._user_key, "Ed25519", self._user_claims)
        try:
            identity = Identity(user_id=claims["sub"], role=claims["role"], scopes=claims["scopes"])
        except (KeyError, ValidationError):
            raise NotAuthenticatedError("The assertion lacks a claim.") from None
        return identity, int(claims["exp"])


def _standard_claims(issuer: str, subject: str, audience: str, now: int) -> dict[str, Any]:
    return {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
    }


def _claims_registry(issuer: str, audience: str) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        now=lambda: int(clock.timestamp()),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        exp={"essential": True},
    )


def _decode(
    assertion: str, key: OKPKey | OctKey, algorithm: str, registry: jwt.JWTClaimsRegistry
) -> dict[str, Any]:
    try:
        token = jwt.decode(assertion, key, algorithms=[algorithm])
        registry.validate(token.claims)
    except (JoseError, ValueError) as error:
        raise _refusal(error) from None
    return dict(token.claims)


def _refusal(error: JoseError | ValueError) -> NotAuthenticatedError:
    if not isinstance(error, ExpiredTokenError | InvalidClaimError) or error.claim not in _TIMES:
        return NotAuthenticatedError("The assertion is not valid here.")
    return NotAuthenticatedError(
        "The assertion is not valid at this service's time.",
        members={CLOCK: int(clock.timestamp())},
    )


def _read_key(file: Path, *, private: bool) -> OKPKey:
    try:
        key = OKPKey.import_key(file.read_bytes())
    except (OSError, ValueError, JoseError) as error:
        raise ConfigurationError(f"{file} holds no Ed25519 key in PEM ({error}).") from None
    if key.curve_name != "Ed25519" or (private and not key.is_private):
        raise ConfigurationError(
            f"{file} must hold an Ed25519 {'private' if private else 'public'} key."
        )
    if not private and key.is_private:
        raise ConfigurationError(
            f"{file} holds the private key; a service gets the public one only."
        )
    return key


def _from_state(request: Request) -> AssertionVerifier:
    verifier: AssertionVerifier = request.app.state.verifier
    return verifier


async def current_user(request: Request) -> Identity:
    """FastAPI dependency: the user the gateway asserts."""
    return _from_state(request).user(request.headers.get(ASSERTION_HEADER))


async def current_admin(request: Request) -> Identity:
    """FastAPI dependency: the same, an admin."""
    identity = await current_user(request)
    if identity.role != "admin":
        raise ForbiddenError("This is for administrators.")
    return identity


async def calling_service(request: Request) -> str:
    """FastAPI dependency of `/internal/*`: which service is calling."""
    return _from_state(request).service(request.headers.get(ASSERTION_HEADER))


CurrentUser = Annotated[Identity, Depends(current_user)]
CallingService = Annotated[str, Depends(calling_service)]
