"""Paddock's own certificate: refused unless its CA is known."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.app.cli.fake import TOKEN, FakePaddock, Run


@pytest.fixture
def certificate(paddock: FakePaddock, tmp_path: Path) -> Path:
    """Puts the fake Paddock behind TLS; gives the file with its certificate."""
    host = paddock.server.server_address[0]
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Paddock")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, secret = tmp_path / "paddock.pem", tmp_path / "paddock.key"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    paddock.server.socket = context.wrap_socket(paddock.server.socket, server_side=True)
    paddock.url = paddock.url.replace("http:", "https:")
    return file


def test_an_unknown_certificate_is_refused_before_the_token_is_sent(
    run: Run, paddock: FakePaddock, certificate: Path
) -> None:
    done = run("login", paddock.url, "--token-stdin", stdin=TOKEN)
    assert done.code == 5
    assert "its certificate is not trusted" in done.err
    assert "--ca FILE" in done.err
    assert not paddock.seen


def test_the_ca_given_at_login_is_remembered(run: Run, paddock: FakePaddock, certificate: Path) -> None:
    assert run("login", paddock.url, "--token-stdin", "--ca", str(certificate), stdin=TOKEN).code == 0
    assert run("nodes", "list").code == 0


def test_insecure_checks_nothing(run: Run, paddock: FakePaddock, certificate: Path) -> None:
    assert run("login", paddock.url, "--token-stdin", "--insecure", stdin=TOKEN).code == 0


def test_a_ca_file_that_is_none_is_wrong_use(
    run: Run, paddock: FakePaddock, certificate: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for file in (empty, tmp_path / "missing.pem"):
        done = run("login", paddock.url, "--token-stdin", "--ca", str(file), stdin=TOKEN)
        assert done.code == 2
        assert str(file) in done.err
