"""JWTs of a key that is made here, and keys that a server on this machine gives out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient

from preforget.core.errors import StoreError, UsageError
from preforget.serve import oidc as module
from preforget.serve.app import make_app
from preforget.serve.making import make_service
from preforget.serve.oidc import FRESH, LONGEST, PAUSE, Issuer, Keys, Oidc
from preforget.serve.problems import Problem

from .conftest import ROWS, tensor

NAME, AUDIENCE = "https://issuer.example", "preforget"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, key_id: str, **more: str) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if key is RSA else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": key_id, **more}


UNKNOWN_CURVE = {"kty": "EC", "crv": "P-0", "x": "AA", "y": "AA", "kid": "u"}
SECRET = {"kty": "oct", "k": "c2VjcmV0", "kid": "o"}
KEYS = {"keys": [1, {"kty": "RSA", "n": 3}, UNKNOWN_CURVE, jwk(RSA, "r"), jwk(EC, "e"), SECRET]}


def token(key: Any = RSA, key_id: str = "r", algorithm: str = "RS256", **claims: Any) -> str:
    """Return a good token, but for what is given; None leaves a claim out."""
    at = int(time.time())
    stated = {"iss": NAME, "aud": AUDIENCE, "sub": "Ada Example", "iat": at, "exp": at + 300}
    stated |= {"preforget_role": "officer", **claims}
    stated = {claim: value for claim, value in stated.items() if value is not None}
    return jwt.encode(stated, key, algorithm, headers={"kid": key_id})


def by_hand(header: dict[str, Any], secret: bytes | None) -> str:
    """Return a token as no library makes it: unsigned, or signed with a public key as a shared secret."""
    body = json.loads(base64.urlsafe_b64decode(token().split(".")[1] + "=="))
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, body)]
    signed = b".".join(parts)
    code = b"" if secret is None else hmac.new(secret, signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(code).rstrip(b"=")).decode()


def key_file(folder: Path) -> Path:
    """Return an empty file that others can't write into, whatever the machine gives new files."""
    file = folder / "keys.json"
    file.touch(0o600)
    return file


@pytest.fixture
def oidc(tmp_path: Path) -> Oidc:
    file = key_file(tmp_path)
    file.write_text(json.dumps(KEYS))
    return Oidc(Issuer(NAME, AUDIENCE, str(file)))


def test_good_tokens_of_each_kind_of_key(oidc: Oidc) -> None:
    for text in (token(), token(algorithm="PS256"), token(EC, "e", "ES256")):
        caller = oidc.caller(text)
        assert caller is not None
        assert caller.role == "officer"
        assert "Ada" not in repr(caller)
    listed = oidc.caller(token(preforget_role=["x", "viewer", "operator"]))
    assert listed is not None
    assert listed.role == "operator"
    for role in (None, "admin", 7, ["admin"], {}):
        nothing = oidc.caller(token(preforget_role=role))
        assert nothing is not None
        assert nothing.rights == frozenset()


def test_tokens_that_are_none(oidc: Oidc) -> None:
    at = int(time.time())
    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    good = token()
    bad = {
        "expired": token(exp=at - 60),
        "not yet": token(nbf=at + 60),
        "without an end": token(exp=None),
        "another issuer": token(iss="https://evil.example"),
        "another audience": token(aud="elsewhere"),
        "without an audience": token(aud=None),
        "nobody": token(sub=None),
        "another key": token(other),
        "an unknown key": token(key_id="x"),
        "the kind of another key": token(EC, "r", "ES256"),
        "unsigned": by_hand({"alg": "none", "kid": "r"}, None),
        "unsigned, in capitals": by_hand({"alg": "NONE", "kid": "r"}, None),
        "the public key as a secret": by_hand({"alg": "HS256", "kid": "r"}, public),
        "the shared secret of the set": by_hand({"alg": "HS256", "kid": "o"}, b"secret"),
        "changed": good[:-8] + "AAAAAAAA",
        "without a signature": good.rpartition(".")[0] + ".",
        "no token": "a.b.c",
        "too long": good + "x" * 20_000,
        "no text": good + "\u00e9",
    }
    assert [name for name, text in bad.items() if oidc.caller(text) is not None] == []


def test_a_service_takes_them_beside_its_own(oidc: Oidc, model: Path) -> None:
    service = make_service([model], issuer=oidc.issuer, device="cpu")
    with TestClient(make_app(service), base_url="http://localhost") as client:
        codes = {}
        for role in ("viewer", "predictor", "officer", "nothing"):
            headers = {"Authorization": f"Bearer {token(preforget_role=role)}"}
            codes[role] = [
                client.get("/api/v1/classes", headers=headers).status_code,
                client.post("/v2/models/model/infer", json=tensor(ROWS[:1]), headers=headers).status_code,
                client.post("/api/v1/forgettings", json={"label": "nobody"}, headers=headers).status_code,
            ]
        assert codes == {
            "viewer": [200, 403, 403],
            "predictor": [403, 200, 403],
            "officer": [200, 200, 422],
            "nothing": [403, 403, 403],
        }
        for text in (token(exp=1), service.tokens.add("viewer")[:-1]):
            headers = {"Authorization": f"Bearer {text}"}
            assert client.get("/api/v1/classes", headers=headers).status_code == 401
        own = {"Authorization": f"Bearer {service.tokens.add('viewer')}"}
        assert client.get("/api/v1/classes", headers=own).status_code == 200


@contextmanager
def keys_from(content: Callable[[], tuple[int, bytes]]) -> Iterator[str]:
    """Give keys out, on a port of its own."""

    class Answer(BaseHTTPRequestHandler):
        timeout = 60

        def do_GET(self) -> None:
            code, body = content()
            self.send_response(code)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/jwks"
        server.shutdown()
        thread.join(60)


def test_keys_from_an_address_are_fetched_again_and_not_trusted_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WAIT", 60.0)
    given: list[tuple[int, dict[str, Any]]] = [(200, {"keys": [jwk(RSA, "r")]})]
    asked = threading.Event()

    def content() -> tuple[int, bytes]:
        asked.set()
        return given[-1][0], json.dumps(given[-1][1]).encode()

    at = 0.0
    with keys_from(content) as url:
        keys = Keys(url, lambda: at)
        assert keys.key("r") is not None
        given.append((200, {"keys": [jwk(EC, "e")]}))
        at = FRESH + 1
        assert keys.key("r") is not None  # until the new ones are there
        end = time.monotonic() + 60
        while keys.key("e") is None and time.monotonic() < end:
            time.sleep(0.01)
        assert keys.key("r") is None
        given.append((503, {}))
        asked.clear()
        at += LONGEST + 1
        with pytest.raises(Problem, match="the issuer's keys can't be fetched"):
            keys.key("e")
        assert asked.wait(60)
        given.append((200, {"keys": [jwk(EC, "e")]}))
        at += PAUSE + 1
        assert keys.key("e") is not None  # whoever comes after a quiet night waits for them


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "oct", "k": "eA"}]}', b"[1]"]
)
def test_keys_that_are_none(tmp_path: Path, content: bytes) -> None:
    file = key_file(tmp_path)
    file.write_bytes(content)
    with pytest.raises(UsageError, match="no"):
        Keys(str(file))


def test_keys_come_over_tls_or_from_this_machine() -> None:
    for source in ("http://issuer.example/keys", "ftp://localhost/keys"):
        with pytest.raises(UsageError, match="https"):
            Keys(source)


def test_a_key_that_can_t_be_used_takes_no_other_away(tmp_path: Path) -> None:
    agreement = {
        "kty": "OKP",
        "crv": "X25519",
        "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
        "kid": "x",
    }
    encrypts = jwk(RSA, "a", alg="RSA-OAEP")
    ops = {**jwk(RSA, "o"), "key_ops": ["encrypt"]}
    file = key_file(tmp_path)
    file.write_text(json.dumps({"keys": ["no key", agreement, encrypts, ops, jwk(RSA, "r")]}))
    keys = Keys(str(file))
    assert [key_id for key_id in ("x", "a", "o", "r") if keys.key(key_id) is not None] == ["r"]


def test_a_file_of_keys_that_others_can_write_into_opens_nothing(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    file.write_text(json.dumps(KEYS))
    file.chmod(0o666)
    with pytest.raises(StoreError, match="chmod"):
        Keys(str(file))


def test_no_proxy_of_the_environment_gives_out_keys_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with keys_from(lambda: (200, json.dumps(KEYS).encode())) as url:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(UsageError, match="no keys"):
            Keys("http://localhost:1/jwks")


def test_keys_that_are_cut_off_are_none() -> None:
    def content() -> tuple[int, bytes]:
        return 200, Cut(json.dumps(KEYS).encode())

    with keys_from(content) as url, pytest.raises(UsageError, match="no keys"):
        Keys(url)


class Cut(bytes):
    """Bytes of which a server says that there are more."""

    def __len__(self) -> int:
        return super().__len__() + 50


def test_a_key_that_was_taken_away_opens_nothing_though_nobody_asked_since(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    file.write_text(json.dumps({"keys": [jwk(RSA, "r")]}))
    keys = Keys(str(file), lambda: 0.0)
    file.write_text(json.dumps({"keys": [jwk(EC, "e")]}))

    async def idle() -> None:
        keeping = asyncio.create_task(keys.keep_fresh(0.001))
        async with asyncio.timeout(60):
            while keys._keys.keys() != {"e"}:
                await asyncio.sleep(0.001)
        keeping.cancel()

    asyncio.run(idle())
    assert keys.key("r") is None


def test_a_subject_that_is_no_text_in_utf_8_is_one_all_the_same(oidc: Oidc) -> None:
    assert oidc.caller(token(sub="\ud800")) is not None
