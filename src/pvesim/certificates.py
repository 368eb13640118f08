"""Keys and certificates as a Proxmox cluster makes them; EC P-256, because they are cheap.

Source: pve-cluster `PVE/Cluster/Setup.pm` (`gen_pve_ssl_cert`, `gen_pveca_cert`).
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=730)


@dataclass(frozen=True)
class Certificate:
    """A certificate with its private key, both PEM."""

    pem: str
    key_pem: bytes = field(repr=False)

    @cached_property
    def x509(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.pem.encode())

    @cached_property
    def key(self) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_pem_private_key(self.key_pem, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 as Proxmox writes it: upper-case hex pairs with colons."""
        return self.x509.fingerprint(hashes.SHA256()).hex(":").upper()

    @cached_property
    def context(self) -> ssl.SSLContext:
        """A server context that presents this leaf only, as pveproxy does."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.num_tickets = 0  # OpenSSL remembers every session that it gives a ticket for
        with tempfile.NamedTemporaryFile() as file:  # the ssl module reads key and chain from files only
            os.fchmod(file.fileno(), 0o600)
            file.write(self.pem.encode() + self.key_pem)
            file.flush()
            context.load_cert_chain(file.name)
        return context


class Authority:
    """A certificate authority that signs leaves."""

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate

    @classmethod
    def create(cls, uuid: str, *, key_usage: bool = True, now: datetime | None = None) -> Authority:
        """A cluster's CA. `key_usage=False` makes one as old Proxmox versions did (refused by
        strict verification: "CA cert does not include key usage extension")."""
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "Proxmox Virtual Environment"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, uuid),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "PVE Cluster Manager CA"),
            ]
        )
        return cls._self_signed(name, key_usage=key_usage, now=now)

    @classmethod
    def stranger(cls, common_name: str = "Example Company Issuing CA") -> Authority:
        """Some other CA, as used for custom certificates and for impostors."""
        return cls._self_signed(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]), key_usage=True, now=None
        )

    @classmethod
    def _self_signed(cls, name: x509.Name, *, key_usage: bool, now: datetime | None) -> Authority:
        now = now or datetime.now(UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(identifier, critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
            )
        )
        if key_usage:
            builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        return cls(_sealed(builder.sign(key, hashes.SHA256()), key))

    def leaf(
        self,
        common_name: str,
        names: Sequence[str],
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Certificate:
        """Sign a server certificate for host names and IP addresses."""
        issuer = self.certificate.x509
        key = ec.generate_private_key(ec.SECP256R1())
        not_before = not_before or datetime.now(UTC) - timedelta(days=1)
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "PVE Cluster Node"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Proxmox Virtual Environment"),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after or not_before + LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.certificate.key.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
        )
        return _sealed(builder.sign(self.certificate.key, hashes.SHA256()), key)


def describe(filename: str, certificate: Certificate) -> dict[str, object]:
    """A row of /nodes/N/certificates/info."""
    cert = certificate.x509
    try:
        names = [
            str(name.value)
            for name in cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        ]
    except x509.ExtensionNotFound:
        names = []
    return {
        "filename": filename,
        "fingerprint": certificate.fingerprint,
        "issuer": _slashed(cert.issuer),
        "subject": _slashed(cert.subject),
        "notbefore": int(cert.not_valid_before_utc.timestamp()),
        "notafter": int(cert.not_valid_after_utc.timestamp()),
        "pem": certificate.pem,
        "public-key-type": "id-ecPublicKey",
        "public-key-bits": 256,
        "san": names,
    }


def _slashed(name: x509.Name) -> str:
    return "".join(f"/{part.rfc4514_attribute_name}={_text(part.value)}" for part in name)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _sealed(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Certificate:
    return Certificate(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _usage(*, key_cert_sign: bool, crl_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
