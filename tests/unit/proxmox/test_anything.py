"""Whatever bytes a peer sends: a value, or the one documented error."""

from __future__ import annotations

import inspect
import json
import ssl
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paddock.base.errors import Invalid, Upstream
from paddock.proxmox import address, answers, certificates, decoding, identify, lxc, shapes
from paddock.proxmox.address import Endpoint
from paddock.proxmox.answers import Answer, Asked, Proof
from pvesim.certificates import Authority

SHAPES: list[Any] = [
    kind
    for _, kind in inspect.getmembers(shapes, inspect.isclass)
    if issubclass(kind, shapes.Shape) and kind is not shapes.Shape
]
FIELDS = sorted({f.encode_name for kind in SHAPES for f in msgspec.structs.fields(kind)})

quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**60), 10**60)
    | st.floats()
    | st.text()
    | st.sampled_from(["1", "0", "", "-1", "1e999", "NaN", "pve1", "node", "lxc", "\0", "\ud800", "x" * 5000])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
rows = st.dictionaries(st.sampled_from(FIELDS), values, max_size=12)


def encoded(data: Any) -> bytes:
    return json.dumps(data).encode("utf-8", "surrogatepass")


bodies = (
    st.binary(max_size=300)
    | values.map(encoded)
    | st.fixed_dictionaries({"data": st.lists(rows | values, max_size=5) | rows | values}).map(encoded)
    | st.builds(
        lambda whole, at, junk: whole[: at % (len(whole) + 1)] + junk + whole[at % (len(whole) + 1) :],
        st.fixed_dictionaries({"data": st.lists(rows, max_size=3)}).map(encoded),
        st.integers(0, 10_000),
        st.binary(max_size=6),
    )
)


@pytest.mark.parametrize("kind", SHAPES, ids=[kind.__name__ for kind in SHAPES])
@quick
@given(body=bodies)
@example(body=b"[" * 100_000)
@example(body=b'{"data":' + b'{"a":' * 100_000)
@example(body=b'{"data":[' + b"9" * 10_000 + b"]}")
@example(body=b'{"data":{"data":1},"data":[{"node":"a"}],"data":null}')
def test_a_body_is_rows_or_a_decode_error(kind: Any, body: bytes) -> None:
    for decode in (decoding.decode, decoding.decode_rows):
        try:
            found = decode(body, kind)
        except msgspec.DecodeError:
            continue
        if isinstance(found, decoding.Rows):
            assert all(isinstance(row, kind) for row in found.items)
        else:
            assert isinstance(found, kind)


@quick
@given(row=rows)
def test_what_was_read_fits_into_a_database(row: dict[str, Any]) -> None:
    try:
        (found,) = decoding.decode_rows(encoded({"data": [row]}), shapes.Resource).items
    except (ValueError, msgspec.DecodeError):
        return
    for name in ("mem", "maxmem", "disk", "maxdisk", "uptime", "vmid"):
        value = getattr(found, name)
        assert value is None or 0 <= value < 1 << 63
    for name in ("id", "name", "status", "storage", "pool"):
        value = getattr(found, name)
        assert value is None or (len(value) <= 255 and "\0" not in value)
        assert value is None or value.encode(), "it can be stored"


@quick
@given(
    status=st.integers(-5, 999),
    reason=st.text() | st.sampled_from(["Permission check failed (/, X|Y)", "no quorum", "'" * 500]),
    body=bodies,
    proof=st.sampled_from(list(Proof)),
    changes=st.booleans(),
)
def test_every_answer_stands_for_an_error_of_ours(
    status: int, reason: str, body: bytes, proof: Proof, changes: bool
) -> None:
    error = answers.from_answer(
        Answer(status, reason, body), proof=proof, asked=Asked("GET /x", "n", "c", changes)
    )
    assert isinstance(error, Upstream)
    assert error.message
    assert error.code
    json.dumps(error.extra())


@quick
@given(status=st.integers(100, 599), body=bodies, server=st.text())
def test_whatever_listens_is_proxmox_or_is_named(status: int, body: bytes, server: str) -> None:
    try:
        identify.realms(Answer(status, "x", body, {"Server": server}), Endpoint("192.0.2.1"))
    except Upstream:
        return


@quick
@given(
    text=st.text()
    | st.binary().map(lambda raw: raw.decode("latin-1"))
    | st.from_regex(r"https?://[\[\]:@/?#%.\w]*")
)
@example(text="https://[::ffff:169.254.169.254]")
@example(text="http://0251.0376.0251.0376")
@example(text="http://2852039166")
@example(text="https://ⅠⅥ9.254.169.254")
@example(text="１６９.254.169.254")
@example(text="[" * 5000)
def test_an_address_is_canonical_or_refused(text: str) -> None:
    for parse in (address.parse_api_url, address.member_endpoint):
        try:
            found = parse(text)
        except Invalid:
            continue
        assert address.parse_api_url(found.url) == found
        assert 0 < found.port < 65536
        assert found.host.isascii()
        assert not address.is_forbidden(found.host)
        assert not set(found.host) & set("/?#@\\ \r\n\t%")


LEAF = Authority.stranger().leaf("www.example.org", ["192.0.2.1"])


@quick
@given(data=st.binary(max_size=400) | st.text())
def test_bytes_are_a_certificate_or_a_bad_one(data: str | bytes) -> None:
    with pytest.raises(certificates.BadCertificate):
        certificates.parse(data)


@settings(quick, max_examples=100)
@given(st.data())
def test_a_certificate_with_a_changed_byte_is_read_or_refused(data: st.DataObject) -> None:
    der = bytearray(_der())
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = certificates.parse(bytes(der))
    except certificates.BadCertificate:
        return
    assert len(found.sha256) == 95
    assert isinstance(found.common_name, str)
    certificates.signed_by(found, found)
    certificates.passes_strict_checks(found.pem)


def _der() -> bytes:
    return ssl.PEM_cert_to_DER_cert(LEAF.pem)


@quick
@given(text=st.text())
def test_a_fingerprint_is_one_or_refused(text: str) -> None:
    try:
        assert len(certificates.normal_fingerprint(text)) == 95
    except certificates.BadCertificate:
        raise
    except ValueError:
        return


CONFIG = ["digest", "hostname", "memory", "swap", "cores", "cpulimit", "features", "tags", "lock", "rootfs"]
KEYS = st.sampled_from([*CONFIG, "net0", "net1", "net9999", "mp0", "mp255", "unprivileged"]) | st.text()
property_strings = st.text() | st.from_regex(
    r"(name|ip|ip6|gw|tag|size|volume|mp)=[\w./:,=;-]*", fullmatch=True
)


@quick
@given(raw=st.dictionaries(KEYS, values | property_strings, max_size=12))
@example(raw={"net0": "tag=" + "9" * 5000, "memory": "9" * 5000, "rootfs": "size=" + "9" * 400 + "T"})
@example(raw={"net٣": "name=x", "mp²": "x"})
def test_a_configuration_is_always_read(raw: dict[str, Any]) -> None:
    found = lxc.parse_config(raw)
    for number in (found.memory, found.swap, found.cores, *(one.size for one in found.volumes)):
        assert number is None or -(1 << 63) <= number < 1 << 63
