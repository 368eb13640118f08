"""Parameter verification, in Proxmox's words."""

from __future__ import annotations

import pytest

from pvesim import schema
from pvesim.errors import ApiError
from pvesim.formats import FORMATS, FormatError
from pvesim.perljson import complaint
from pvesim.verify import Param, properties, verify


def wrong(given: dict[str, object], allowed: dict[str, Param], version: str = "9.2") -> dict[str, str]:
    with pytest.raises(ApiError) as caught:
        verify(given, allowed, version)
    assert caught.value.status == 400
    return dict(caught.value.errors or {})


def lxc() -> dict[str, Param]:
    found = schema.find("POST", "/nodes/{node}/lxc")
    assert found is not None
    return found.parameters


def test_everything_wrong_is_said_at_once() -> None:
    errors = wrong({"vmid": "abc", "cores": 0, "bogus": 1, "node": "pve1"}, lxc())
    assert errors == {
        "vmid": "type check ('integer') failed - got 'abc'",
        "cores": "value must have a minimum value of 1",
        "bogus": "property is not defined in schema and the schema does not allow additional properties",
        "ostemplate": "property is missing and it is not optional",
    }


@pytest.mark.parametrize("value", ["yes", "true", "on", "2", "", "maybe"])
def test_a_flag_is_one_or_zero_and_nothing_else(value: str) -> None:
    flag = {"start": Param(type="boolean", optional=1)}
    assert wrong({"start": value}, flag) == {"start": f"type check ('boolean') failed - got '{value}'"}


def test_json_has_flags_and_numbers_of_its_own() -> None:
    allowed = {"start": Param(type="boolean"), "cores": Param(type="integer"), "name": Param(optional=1)}
    assert verify({"start": True, "cores": 2.0, "name": None}, allowed) == {
        "start": "1",
        "cores": "2",
        "name": "",
    }
    assert wrong({"start": 0, "cores": 2.5}, allowed) == {
        "cores": "type check ('integer') failed - got '2.5'"
    }
    assert wrong({"start": [1], "cores": {}}, allowed) == {
        "start": "type check ('boolean') failed - got ARRAY",
        "cores": "type check ('integer') failed - got HASH",
    }


def test_property_strings_are_checked_inside() -> None:
    net = lxc()["net[n]"].format
    assert isinstance(net, dict)
    assert properties(net, "name=eth0,bridge=vmbr0,firewall=on", "net0")["firewall"] == "1"
    with pytest.raises(FormatError) as caught:
        properties(net, "bridge=vmbr0,ip=10.0.0.1", "net0")
    said = str(caught.value)
    assert said.startswith("format error\n")
    assert "net0.name: property is missing and it is not optional" in said
    assert "net0.ip: invalid format - value does not look like a valid ipv4 network configuration\n" in said


def test_numbered_parameters_end_somewhere() -> None:
    good: dict[str, object] = {"node": "pve1", "vmid": 100, "ostemplate": "x", "net31": "name=eth0"}
    assert verify(good, lxc())["net31"] == "name=eth0"
    assert wrong({**good, "net32": "name=eth0"}, lxc()).keys() == {"net32"}
    assert wrong({**good, "net01": "name=eth0"}, lxc()).keys() == {"net01"}


def test_older_versions_do_not_know_newer_parameters() -> None:
    given: dict[str, object] = {"node": "pve1", "vmid": 100, "ostemplate": "x", "entrypoint": "/bin/sh"}
    assert verify(given, lxc(), "9.2.11")["entrypoint"] == "/bin/sh"
    assert wrong(given, lxc(), "8.4.14").keys() == {"entrypoint"}


def test_one_parameter_may_need_another() -> None:
    given: dict[str, object] = {"node": "pve1", "vmid": 100, "ostemplate": "x", "unique": 1}
    assert wrong(given, lxc()) == {"restore": "missing property - 'unique' requires this property"}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("dns-name", "a.b-c.example", "a_b"),
        ("mac-addr", "BC:24:11:00:00:01", "01:24:11:00:00:01"),
        ("CIDRv4", "10.0.0.0/8", "10.0.0.0/4"),
        ("pve-userid", "root@pam", "root"),
        ("pve-storage-id", "local-lvm", "l"),
        ("pve-startup-order", "order=1,up=5", "order=x"),
        ("disk-size", "0.5T", "x"),
        ("pve-lxc-mp-string", "/data", "/data/../etc"),
    ],
)
def test_formats_tell_good_from_bad(name: str, good: str, bad: str) -> None:
    FORMATS[name](good)
    with pytest.raises(FormatError):
        FORMATS[name](bad)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"vmid":1', ', or } expected while parsing object/hash, at character offset 9 (before "(end of string)")'),
        ("", 'malformed JSON string, neither tag, array, object, number, string or atom, at character offset 0 (before "(end of string)")'),
        ("[1 2]", ', or ] expected while parsing array, at character offset 3 (before "2]")'),
        ('{"a":1} x', 'garbage after JSON object, at character offset 8 (before "x")'),
    ],
)  # fmt: skip
def test_bad_json_is_complained_of_as_perl_does(text: str, said: str) -> None:
    assert complaint(text) == said
