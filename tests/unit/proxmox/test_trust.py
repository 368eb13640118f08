from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from paddock.proxmox import faults
from paddock.proxmox.address import Endpoint
from paddock.proxmox.certificates import BadCertificate, Certificate, normal_fingerprint, parse
from paddock.proxmox.errors import Unreadable
from paddock.proxmox.first_contact import cluster_ca, local_node, member_policy
from paddock.proxmox.shapes import NodeCertificate, StatusRow
from paddock.proxmox.trust import TlsPolicy, TrustMode, checks

HEX = "ab" * 32
SHOWN = ":".join(["AB"] * 32)
END = Endpoint("pve1")


@pytest.fixture(scope="module")
def leaf() -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pve1.example.org")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=9))
        .not_valid_after(datetime.now(UTC) + timedelta(days=9))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("pve1"), x509.DNSName("PVE1.example.org")]), False
        )
        .sign(key, hashes.SHA256())
    )
    return parse(made.public_bytes(Encoding.DER))


@pytest.mark.parametrize(
    "typed",
    [HEX, HEX.upper(), SHOWN, SHOWN.lower(), f" {SHOWN}\n", f"sha256 Fingerprint={SHOWN}", f"SHA256:{HEX}"],
)
def test_a_fingerprint_is_accepted_in_every_common_form(typed: str) -> None:
    assert normal_fingerprint(typed) == SHOWN


@pytest.mark.parametrize("typed", ["", "ab", HEX[:-1], HEX + "a", "zz" * 32])
def test_what_is_no_fingerprint_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="64"):
        normal_fingerprint(typed)


def test_a_policy_without_its_parts_is_none() -> None:
    with pytest.raises(ValueError, match="CA"):
        TlsPolicy(TrustMode.CLUSTER_CA)


def test_before_the_ca_is_known_the_pin_alone_counts() -> None:
    (only,) = checks(TlsPolicy(TrustMode.CLUSTER_CA, fingerprint=HEX))
    assert only.fingerprint == SHOWN


def test_without_a_pin_nobody_is_believed() -> None:
    assert checks(TlsPolicy(TrustMode.PINNED)) == ()


def test_contexts_are_made_once_per_policy(leaf: Certificate) -> None:
    one, two = (checks(TlsPolicy(TrustMode.CLUSTER_CA, ca_pem=leaf.pem, fingerprint=HEX)) for _ in range(2))
    assert one[0].context is two[0].context
    assert one[0].context.check_hostname
    assert one[1].fingerprint == SHOWN


def test_a_certificate_tells_about_itself(leaf: Certificate) -> None:
    assert leaf.self_signed
    assert not leaf.is_ca
    assert leaf.common_name == "pve1.example.org"
    assert leaf.names == ("pve1", "PVE1.example.org")
    assert parse(leaf.pem) == leaf
    assert "BEGIN" not in repr(leaf)


def test_what_is_no_certificate_is_refused() -> None:
    for data in (b"", b"x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"):
        with pytest.raises(BadCertificate):
            parse(data)


@pytest.mark.parametrize(
    ("number", "code"),
    [(10, "expired"), (9, "not_yet_valid"), (18, "self_signed"), (19, "unknown_authority"),
     (20, "unknown_authority"), (62, "host_mismatch"), (64, "host_mismatch"), (94, "unknown_authority")],
)  # fmt: skip
def test_the_reason_of_distrust_is_told(leaf: Certificate, number: int, code: str) -> None:
    error = ssl.SSLCertVerificationError()
    error.verify_code = number
    told = faults.untrusted(error, leaf, END)
    assert told.code == code
    assert told.hint
    assert told.certificate is leaf
    assert told.extra()["certificate"]["sha256"] == leaf.sha256


def rows(leaf: Certificate, *, own: bool = False) -> list[NodeCertificate]:
    listed = [
        NodeCertificate(filename="pve-root-ca.pem", pem=leaf.pem),
        NodeCertificate(filename="pve-ssl.pem", pem=leaf.pem, san=("192.0.2.11",)),
    ]
    return [*listed, NodeCertificate(filename="pveproxy-ssl.pem", fingerprint=SHOWN)] if own else listed


def test_a_member_is_trusted_by_the_clusters_ca(leaf: Certificate) -> None:
    policy = member_policy(Endpoint("192.0.2.11"), "pve1", leaf.pem, rows(leaf))
    assert policy == TlsPolicy(TrustMode.CLUSTER_CA, ca_pem=leaf.pem)


def test_a_member_with_a_certificate_of_its_own_is_pinned_besides(leaf: Certificate) -> None:
    assert member_policy(END, "pve1", leaf.pem, rows(leaf, own=True)).fingerprint == SHOWN


def test_behind_address_translation_the_nodes_name_is_checked(leaf: Certificate) -> None:
    assert member_policy(Endpoint("203.0.113.9", 18006), "pve1", leaf.pem, rows(leaf)).server_name == "pve1"


def test_without_the_clusters_ca_there_is_a_sentence() -> None:
    with pytest.raises(Unreadable) as caught:
        cluster_ca([], END)
    assert caught.value.code == "no_cluster_ca"


def authority(name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=9))
        .not_valid_after(datetime.now(UTC) + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def test_of_a_reported_ca_only_the_first_certificate_counts() -> None:
    real, other = authority("real"), authority("other")
    found = cluster_ca([NodeCertificate(filename="pve-root-ca.pem", pem=real + other)], END)
    assert found == parse(real).pem
    assert found.count("BEGIN CERTIFICATE") == 1


@pytest.mark.parametrize("pem", [None, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_what_is_no_ca_is_not_trusted_as_one(leaf: Certificate, pem: str | None) -> None:
    with pytest.raises(Unreadable) as caught:
        cluster_ca([NodeCertificate(filename="pve-root-ca.pem", pem=pem or leaf.pem)], END)
    assert caught.value.code == "no_cluster_ca"


# x400Address and ediPartyName, which cryptography does not know
@pytest.mark.parametrize("names", [b"\x30\x04\xa3\x02\x30\x00", b"\x30\x06\xa5\x04\xa1\x02\x0c\x00", b"\xff"])
def test_a_certificate_with_strange_names_has_none(names: bytes) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=9))
        .not_valid_after(datetime.now(UTC) + timedelta(days=9))
        .add_extension(x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, names), critical=False)
        .sign(key, hashes.SHA256())
    )
    found = parse(made.public_bytes(Encoding.DER))
    assert found.names == ()
    assert found.common_name == "odd"


def test_the_node_that_answered_is_found() -> None:
    two = [StatusRow(type="node", name="a", local=False), StatusRow(type="node", name="b", local=True)]
    assert local_node(two) == "b"
    assert local_node([StatusRow(type="node", name="lone", local=None)]) == "lone"
    with pytest.raises(Unreadable):
        local_node([])
