"""X.509 certificates as people and policies see them. Pure: nothing is fetched here."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

BUNDLE_MOST = 20
"""CA certificates in one bundle."""

_CLUSTER_CA = "PVE Cluster Manager CA"
"""The O of every cluster's CA (pve-cluster, `gen_pve_root_ca`)."""

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


# What cryptography raises for extensions that are missing, doubled, broken, or hold names that it does not know.
_NO_EXTENSION = (
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    ValueError,
)


class BadCertificate(ValueError):
    """The bytes are not a certificate."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate. `names` are the DNS names and addresses it is valid for; times are UTC."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    sha256: str  # AA:BB:…, as Proxmox VE shows it
    pem: str = field(repr=False)
    is_ca: bool = False
    self_signed: bool = False

    @property
    def issuer_name(self) -> str:
        """The CN of who signed it, or the whole name."""
        found = _load(self.pem).issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[0].value) if found else self.issuer

    @property
    def by_cluster(self) -> bool:
        """Whether its issuer calls itself the CA of a Proxmox VE cluster. For words alone: a name proves nothing."""
        found = _load(self.pem).issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return any(name.value == _CLUSTER_CA for name in found)

    @property
    def common_name(self) -> str:
        """The CN of the subject, or an empty text."""
        found = _load(self.pem).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[0].value) if found else ""


@lru_cache(maxsize=2048)
def parse(data: str | bytes) -> Certificate:
    """Reads PEM (the first certificate of a chain) or DER. Raises BadCertificate.

    Every contact shows the same certificate again, so what was read is remembered.
    """
    found = _load(data)
    try:
        return _described(found)
    except ValueError as error:
        raise BadCertificate(f"an X.509 certificate with broken parts: {error}") from None


def _described(found: x509.Certificate) -> Certificate:
    return Certificate(
        subject=found.subject.rfc4514_string(),
        issuer=found.issuer.rfc4514_string(),
        names=_names(found),
        not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc,
        sha256=fingerprint(found.public_bytes(Encoding.DER)),
        pem=found.public_bytes(Encoding.PEM).decode(),
        is_ca=_basic_constraints(found)[0],
        self_signed=found.issuer == found.subject and _issued(found, found),
    )


def fingerprint(der: bytes) -> str:
    """SHA-256 in the form that Proxmox VE shows: upper case, two digits each, colons between."""
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def normal_fingerprint(text: str) -> str:
    """A pasted SHA-256 fingerprint in Proxmox's form. Raises ValueError unless it has 64 hex digits."""
    digits = re.sub(r"^sha-?256(\s*fingerprint)?\s*[=:]?", "", text.strip().lower())
    digits = re.sub(r"[\s:]", "", digits)
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError("A SHA-256 fingerprint has 64 hexadecimal digits: AB:CD:01 and so on.")
    return ":".join(digits[i : i + 2] for i in range(0, 64, 2)).upper()


def fingerprint_bytes(text: str) -> bytes:
    """The 32 bytes of a fingerprint in any accepted form."""
    return bytes.fromhex(normal_fingerprint(text).replace(":", ""))


def signed_by(leaf: Certificate, ca: Certificate) -> bool:
    """Whether `ca` is a CA, names match, and its key made the signature on `leaf`. Dates are not judged."""
    return ca.is_ca and _issued(_load(leaf.pem), _load(ca.pem))


def passes_strict_checks(ca_pem: str) -> bool:
    """Whether every CA of the PEM text has what VERIFY_X509_STRICT demands.

    CAs that Proxmox VE made before 2026 lack keyUsage, or have basicConstraints that are not critical
    (seen on genuine clusters); strict checking would refuse them whole.
    """
    for pem in _PEM.findall(ca_pem):
        found = _load(pem)
        _, critical = _basic_constraints(found)
        if not critical or not _has(found, x509.KeyUsage) or not _has(found, x509.SubjectKeyIdentifier):
            return False
    return True


def authorities(text: str) -> tuple[Certificate, ...]:
    """The CA certificates of an uploaded PEM bundle. Raises ValueError with a sentence: no certificate, one that
    is no CA, a private key, or more than BUNDLE_MOST."""
    if "PRIVATE KEY" in text:
        raise ValueError("This holds a private key. Only certificates belong here; keep keys where they are.")
    blocks = _PEM.findall(text)
    if not blocks:
        raise ValueError("There is no certificate in it: PEM text begins with -----BEGIN CERTIFICATE-----.")
    if len(blocks) > BUNDLE_MOST:
        raise ValueError(f"More than {BUNDLE_MOST} certificates; give only the CAs that sign your nodes'.")
    found: dict[str, Certificate] = {}
    for number, block in enumerate(blocks, 1):
        try:
            one = parse(block)
        except BadCertificate:
            raise ValueError(f"Certificate {number} of {len(blocks)} cannot be read.") from None
        if not one.is_ca:
            raise ValueError(
                f"Certificate {number} of {len(blocks)} is not of a CA but of {one.common_name or one.subject}: "
                "give the CA that signed it, or pin its fingerprint."
            )
        found[one.sha256] = one
    return tuple(found.values())


def _load(data: str | bytes) -> x509.Certificate:
    try:
        raw = data.encode() if isinstance(data, str) else data
        if b"-----BEGIN" in raw:
            return x509.load_pem_x509_certificate(raw)
        return x509.load_der_x509_certificate(raw)
    except (ValueError, x509.InvalidVersion) as error:
        raise BadCertificate(f"not an X.509 certificate: {error}") from None


def _issued(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _NO_EXTENSION:
        return ()
    addresses = [str(address) for address in alternative.get_values_for_type(x509.IPAddress)]
    names = [name for name in alternative.get_values_for_type(x509.DNSName) if name.isprintable()]
    return tuple(dict.fromkeys([*names, *addresses]))


def _basic_constraints(found: x509.Certificate) -> tuple[bool, bool]:
    """(is a CA, the extension is critical)."""
    try:
        extension = found.extensions.get_extension_for_class(x509.BasicConstraints)
    except _NO_EXTENSION:
        return False, False
    return extension.value.ca, extension.critical


def _has(found: x509.Certificate, kind: type[x509.ExtensionType]) -> bool:
    try:
        found.extensions.get_extension_for_class(kind)
    except _NO_EXTENSION:
        return False
    return True
