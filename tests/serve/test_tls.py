"""A service behind TLS, with a certificate that is made here, and clients that check it."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

import numpy as np
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import preforget as pf
from preforget.serve.client import ServiceError

from .conftest import NAMES, ROWS
from .running import running


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "service")])
    at = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at - datetime.timedelta(days=1))
        .not_valid_after(at + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "tls.crt", folder / "tls.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


def test_it_answers_and_forgets_for_clients_that_check_its_certificate(model: Path, tmp_path: Path) -> None:
    crt, key = certificate(tmp_path)
    with running(model, "--certificate", str(crt), "--key", str(key), authority=crt) as service:
        client = pf.Client(service.url, service.token, authority=crt)
        assert client.predict(ROWS[::20]).tolist() == NAMES
        many = np.repeat(ROWS, 4, axis=0)
        assert client.predict_proba(many).shape == (240, 3)
        done = client.forget("Grace")
        assert pf.verify_receipt(done.save(tmp_path / "receipt.json"), model).passed
        assert "Grace" not in client.predict(ROWS).tolist()
        headers = requests.get(f"{service.url}/v2", verify=str(crt), timeout=60).headers
        assert "max-age" in headers["strict-transport-security"]
        page = requests.get(f"{service.url}/sign-in", verify=str(crt), timeout=60)
        assert "; Secure" in page.headers["set-cookie"]
        with pytest.raises(ServiceError, match="SSLError"):
            _ = pf.Client(service.url, service.token).labels  # nobody whom this machine trusts vouches for it
        with pytest.raises(ServiceError, match="can't be reached"):
            _ = pf.Client(service.url.replace("https", "http"), service.token).labels
