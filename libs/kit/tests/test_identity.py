import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from webox_contracts.identity import Identity, Scope
from webox_kit.errors import ConfigurationError, NotAuthenticatedError
from webox_kit.identity import AssertionSigner, AssertionVerifier, ServiceSigner
from webox_kit.settings import read_secret
from webox_kit.testing import SERVICE_SECRET, Keys

ME = Identity(user_id=7, role="user", scopes=frozenset({Scope.CHAT, Scope.EXPORTS}))


@pytest.fixture
def verifier(keys: Keys) -> AssertionVerifier:
    return AssertionVerifier("chat", keys.public_key_file, SERVICE_SECRET)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    standard = {
        "iss": "webox-gateway",
        "sub": "7",
        "aud": "chat",
        "iat": now,
        "exp": now + 60,
        "role": "user",
        "scopes": ["chat"],
    }
    return {name: value for name, value in {**standard, **changes}.items() if value is not ...}


def signed(key_file: Path, **changes: Any) -> str:
    key = OKPKey.import_key(key_file.read_bytes())
    return jwt.encode({"alg": "Ed25519"}, claims(**changes), key, algorithms=["Ed25519"])


def encoded(*parts: Any) -> str:
    return ".".join(_base64(json.dumps(part).encode()) for part in parts)


def unsigned(header: Any, **changes: Any) -> str:
    return encoded(header, claims(**changes)) + "."


def hs256(secret: bytes, payload: dict[str, Any]) -> str:
    """By hand: libraries refuse to use a public key so."""
    signing_input = encoded({"alg": "HS256"}, payload)
    signature = hmac.digest(secret, signing_input.encode(), "sha256")
    return f"{signing_input}.{_base64(signature)}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class TestUser:
    def test_is_who_the_gateway_signed(self, keys: Keys, verifier: AssertionVerifier) -> None:
        assertion = AssertionSigner(keys.private_key_file).sign(ME, "chat")
        assert verifier.user(assertion) == ME
        assert verifier.user(assertion) == ME, "remembered"

    @pytest.mark.parametrize("alg", ["none", "None", "HS256", "ES256", "EdDSA"])
    def test_no_other_algorithm_without_a_signature(
        self, verifier: AssertionVerifier, alg: str
    ) -> None:
        with pytest.raises(NotAuthenticatedError):
            verifier.user(unsigned({"alg": alg}))

    def test_not_the_public_key_as_a_shared_secret(
        self, keys: Keys, verifier: AssertionVerifier
    ) -> None:
        raw = str(OKPKey.import_key(keys.public_key_file.read_bytes()).as_dict()["x"])
        for secret in (keys.public_key_file.read_bytes(), raw.encode()):
            with pytest.raises(NotAuthenticatedError):
                verifier.user(hs256(secret, claims()))

    def test_not_a_key_the_assertion_brings_along(self, verifier: AssertionVerifier) -> None:
        mine = OKPKey.generate_key("Ed25519")
        header = {"alg": "Ed25519", "jwk": mine.as_dict(private=False)}
        assertion = jwt.encode(header, claims(), mine, algorithms=["Ed25519"])
        with pytest.raises(NotAuthenticatedError):
            verifier.user(assertion)

    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": "search"},
            {"aud": ["search", "exporter"]},
            {"aud": ...},
            {"iss": "webox-service"},
            {"iss": ...},
            {"exp": int(time.time()) - 61},
            {"exp": ...},
            {"exp": "later"},
            {"iat": int(time.time()) + 86_400},
            {"nbf": int(time.time()) + 86_400},
            {"sub": "nobody"},
            {"sub": ...},
            {"role": "root"},
            {"role": ...},
            {"scopes": ["everything"]},
            {"scopes": ...},
        ],
        # By name and type only: processes that share the tests have to agree on them.
        ids=lambda claim: "-".join(
            f"{name}-{type(value).__name__}" for name, value in claim.items()
        ),
    )
    def test_not_with_a_wrong_claim(
        self, keys: Keys, verifier: AssertionVerifier, changes: dict[str, Any]
    ) -> None:
        assert verifier.user(signed(keys.private_key_file)).user_id == 7
        with pytest.raises(NotAuthenticatedError):
            verifier.user(signed(keys.private_key_file, **changes))

    def test_clocks_may_differ_by_a_minute(self, keys: Keys, verifier: AssertionVerifier) -> None:
        now = int(time.time())
        assert verifier.user(signed(keys.private_key_file, exp=now - 30)).user_id == 7
        assert verifier.user(signed(keys.private_key_file, iat=now + 30)).user_id == 7

    def test_a_remembered_one_expires_too(
        self, keys: Keys, verifier: AssertionVerifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assertion = signed(keys.private_key_file)
        verifier.user(assertion)
        later = time.time() + 60 + 61
        monkeypatch.setattr("time.time", lambda: later)
        with pytest.raises(NotAuthenticatedError):
            verifier.user(assertion)

    def test_not_signed_with_another_key(self, verifier: AssertionVerifier) -> None:
        other = OKPKey.generate_key("Ed25519")
        with pytest.raises(NotAuthenticatedError):
            verifier.user(jwt.encode({"alg": "Ed25519"}, claims(), other, algorithms=["Ed25519"]))

    def test_not_altered(self, keys: Keys, verifier: AssertionVerifier) -> None:
        head, _, signature = signed(keys.private_key_file).split(".")
        _, body, _ = unsigned({"alg": "Ed25519"}, role="admin").split(".")
        with pytest.raises(NotAuthenticatedError):
            verifier.user(f"{head}.{body}.{signature}")

    @given(
        garbage=st.text()
        | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode() + "..a")
    )
    def test_garbage_is_refused(self, garbage: str, keys: Keys) -> None:
        verifier = AssertionVerifier("chat", keys.public_key_file, SERVICE_SECRET)
        for check in (verifier.user, verifier.service):
            with pytest.raises(NotAuthenticatedError):
                check(garbage)

    @pytest.mark.parametrize(
        "header",
        [[], "x", 5, None, {}, {"alg": 5}, {"alg": ["Ed25519"]}, {"alg": "Ed25519", "crit": ["x"]}],
    )
    def test_strange_headers_are_refused(self, verifier: AssertionVerifier, header: Any) -> None:
        for check in (verifier.user, verifier.service):
            with pytest.raises(NotAuthenticatedError):
                check(unsigned(header))


class TestService:
    def test_is_who_signed_with_the_shared_secret(self, verifier: AssertionVerifier) -> None:
        [assertion] = ServiceSigner("exporter", SERVICE_SECRET).headers("chat").values()
        assert verifier.service(assertion) == "exporter"

    @pytest.mark.parametrize(
        ("secret", "audience"),
        [(b"another-secret-of-more-than-32-bytes", "chat"), (SERVICE_SECRET, "search")],
    )
    def test_not_with_another_secret_or_for_another_service(
        self, verifier: AssertionVerifier, secret: bytes, audience: str
    ) -> None:
        [assertion] = ServiceSigner("exporter", secret).headers(audience).values()
        with pytest.raises(NotAuthenticatedError):
            verifier.service(assertion)

    def test_the_two_kinds_do_not_stand_in_for_each_other(
        self, keys: Keys, verifier: AssertionVerifier
    ) -> None:
        [of_service] = ServiceSigner("7", SERVICE_SECRET).headers("chat").values()
        of_user = AssertionSigner(keys.private_key_file).sign(ME, "chat")
        with pytest.raises(NotAuthenticatedError):
            verifier.user(of_service)
        with pytest.raises(NotAuthenticatedError):
            verifier.service(of_user)
        same_claims = jwt.encode({"alg": "HS256"}, claims(), OctKey.import_key(SERVICE_SECRET))
        with pytest.raises(NotAuthenticatedError):
            verifier.user(same_claims)

    @pytest.mark.parametrize("missing", [None, ""])
    def test_missing_is_refused(self, verifier: AssertionVerifier, missing: str | None) -> None:
        for check in (verifier.user, verifier.service):
            with pytest.raises(NotAuthenticatedError):
                check(missing)


class TestKeyFiles:
    def test_a_service_refuses_the_private_key(self, keys: Keys) -> None:
        with pytest.raises(ConfigurationError, match=r"private\.pem holds the private key"):
            AssertionVerifier("chat", keys.private_key_file, SERVICE_SECRET)

    def test_the_gateway_refuses_the_public_key(self, keys: Keys) -> None:
        with pytest.raises(ConfigurationError, match="must hold an Ed25519 private key"):
            AssertionSigner(keys.public_key_file)

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="holds no Ed25519 key in PEM"):
            AssertionVerifier("chat", tmp_path / "none.pem", SERVICE_SECRET)

    @pytest.mark.parametrize("content", [b"", b"\0\xff", b"-----BEGIN PUBLIC KEY-----\nAA==\n"])
    def test_not_a_key(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "key.pem").write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"key\.pem"):
            AssertionVerifier("chat", tmp_path / "key.pem", SERVICE_SECRET)

    def test_a_key_of_another_kind(self, tmp_path: Path) -> None:
        other = ec.generate_private_key(ec.SECP256R1()).public_key()
        pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / "key.pem").write_bytes(pem)
        with pytest.raises(ConfigurationError, match=r"key\.pem"):
            AssertionVerifier("chat", tmp_path / "key.pem", SERVICE_SECRET)

    def test_a_short_secret(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"x" * 31 + b"\n")
        with pytest.raises(ConfigurationError, match="under 32 bytes: make a longer one"):
            read_secret(tmp_path / "secret")

    def test_a_missing_secret(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="secret cannot be read: No such file"):
            read_secret(tmp_path / "secret")

    def test_freshly_made_ones_work(self, tmp_path: Path) -> None:
        raw = Ed25519PrivateKey.generate().public_key()
        pem = raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / "key.pem").write_bytes(pem)
        AssertionVerifier("chat", tmp_path / "key.pem", SERVICE_SECRET)
