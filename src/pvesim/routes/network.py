"""A node's network interfaces: /nodes/{node}/network (pve-manager `API2/Network.pm`).

Changes wait beside what is applied until they are reloaded or reverted.
"""

from __future__ import annotations

import copy
import ipaddress

from pvesim.api import Call, Routes
from pvesim.errors import failed, invalid
from pvesim.formats import words
from pvesim.interfaces import BRIDGES, Interface, Interfaces
from pvesim.tasks import Task, Work, command
from pvesim.wire import Reply

_RELOADING = 2.5
_NUMBERS = ("autostart", "bridge_vlan_aware")
_LISTS = ("bridge_ports", "slaves", "ovs_ports", "ovs_bonds")


def register(routes: Routes) -> None:
    path, one = "/nodes/{node}/network", "/nodes/{node}/network/{iface}"
    routes.get(path)(_list)
    routes.post(path)(_create)
    routes.put(path)(_reload)
    routes.delete(path)(_revert)
    routes.get(one)(_read)
    routes.put(one)(_change)
    routes.delete(one)(_delete)


def _list(call: Call) -> object:
    kind = call.params.get("type")
    network = call.node.network
    rows: list[dict[str, object]] = []
    for name, each in network.configured.items():
        bridge = each["type"] in BRIDGES
        if (
            kind
            and kind != "include_sdn"
            and each["type"] != kind
            and not (kind.startswith("any_") and bridge)
        ):
            continue
        if bridge and not call.can(f"/sdn/zones/localnetwork/{name}", "SDN.Audit", "SDN.Use", any_of=True):
            continue
        rows.append({"iface": name, **each})
    changes = network.changes(call.node.booted)
    rows = call.mixed(rows)
    return rows if changes is None else Reply(rows, beside={"changes": changes})


def _known(call: Call, interfaces: Interfaces) -> Interface:
    found = interfaces.get(call.params["iface"])
    if found is None:
        raise invalid(iface="interface does not exist")
    return found


def _read(call: Call) -> object:
    return _known(call, call.node.network.configured)


def _create(call: Call) -> object:
    given = dict(call.params)
    name = given.pop("iface")
    del given["node"]
    interfaces = _copy(call)
    if name in interfaces:
        raise invalid(iface="interface already exists")
    _one_gateway(interfaces, name, given)
    families = _addresses(given)
    _switch(given)
    made: Interface = {**_values(given), "families": families}
    _complete(name, made, given)
    interfaces[name] = made
    return _written(call, interfaces)


def _change(call: Call) -> object:
    given = dict(call.params)
    name = given.pop("iface")
    del given["node"]
    removed = words(given.pop("delete", ""))
    interfaces = _copy(call)
    known = _known(call, interfaces)
    for key in removed:
        suffix = "6" if key.endswith("6") else ""
        gone = ("cidr", "address", "netmask") if key.rstrip("6") in ("cidr", "address") else ()
        for each in (key, *(f"{part}{suffix}" for part in gone)):
            known.pop(each, None)
    _one_gateway(interfaces, name, given)
    families = _addresses(given)
    _switch(given)
    known |= {**_values(given), "families": families}
    _complete(name, known, given)
    return _written(call, interfaces)


def _delete(call: Call) -> object:
    interfaces = _copy(call)
    _known(call, interfaces)
    del interfaces[call.params["iface"]]
    return _written(call, interfaces)


def _copy(call: Call) -> Interfaces:
    return copy.deepcopy(call.node.network.configured)


def _written(call: Call, interfaces: Interfaces) -> object:
    for name, each in call.node.network.applied.items():
        if each["type"] == "eth" and name not in interfaces:  # a port is there, configured or not
            interfaces[name] = {"type": "eth", "method": "manual", "method6": "manual", "families": ["inet"]}
    call.node.network.write(interfaces, call.now)
    return None


def _one_gateway(interfaces: Interfaces, name: str, given: dict[str, str]) -> None:
    for key, what in (("gateway", "Default gateway"), ("gateway6", "Default ipv6 gateway")):
        if key not in given:
            continue
        for other, each in interfaces.items():
            if other != name and each.get(key):
                raise invalid(**{key: f"{what} already exists on interface '{other}'."})


def _addresses(given: dict[str, str]) -> list[str]:
    """Address, netmask and cidr as they are read back; the families that have an address."""
    families = []
    for suffix, family in (("", "inet"), ("6", "inet6")):
        cidr, address, netmask = f"cidr{suffix}", f"address{suffix}", f"netmask{suffix}"
        if given.get(cidr):
            for each in (address, netmask):
                if given.get(each):
                    raise invalid(**{each: f"{each} conflicts with {cidr}"})
            given[address], given[netmask] = given[cidr].split("/")
        if given.get(address):
            bits = given.get(netmask, "")
            if "." in bits:
                bits = str(ipaddress.ip_network(f"0.0.0.0/{bits}").prefixlen)
            given[netmask], given[cidr] = bits, f"{given[address]}/{bits}"
            if suffix:
                _host(given[address], bits)
            families.append(family)
    return families or ["inet"]


def _host(address: str, bits: str) -> None:
    """Raises 400 for an IPv6 address that no host can have."""
    if not 0 <= int(bits) <= 128:
        raise invalid(netmask=f"{bits} is not a valid subnet length for ipv6")
    found = ipaddress.IPv6Address(address)
    kind = "MULTICAST" if found.is_multicast else "LOOPBACK" if found.is_loopback else ""
    kind = "UNSPECIFIED" if found.is_unspecified else kind
    if kind:
        raise invalid(address=f"{address} with type '{kind}', cannot be used as host IPv6 address.")


def _switch(given: dict[str, str]) -> None:
    if given["type"].startswith("OVS"):
        raise failed("Open VSwitch is not installed (need package 'openvswitch-switch')")


def _values(given: dict[str, str]) -> Interface:
    """As they are read back from the file."""
    values: Interface = {}
    for key, value in given.items():
        if key in _NUMBERS:
            if value == "1":
                values[key] = 1
        elif key in _LISTS:
            values[key] = " ".join(sorted(words(value)))
        elif key in ("comments", "comments6"):
            values[key] = value if value.endswith("\n") or not value else f"{value}\n"
        elif value:
            values[key] = value
    return values


def _complete(name: str, interface: Interface, given: dict[str, str]) -> None:
    interface["method"] = "static" if given.get("address") else "manual"
    interface["method6"] = "static" if given.get("address6") else "manual"
    if given.get("autostart") == "0":
        interface.pop("autostart", None)
    if given.get("bridge_vlan_aware") == "0":
        interface.pop("bridge_vlan_aware", None)
    if interface["type"] == "bridge":
        for key, value in (("bridge_ports", ""), ("bridge_stp", "off"), ("bridge_fd", "0")):
            interface.setdefault(key, value)
    elif interface["type"] == "bond":
        interface.setdefault("slaves", "")
        interface.setdefault("bond_miimon", "100")
        interface.setdefault("bond_mode", "balance-rr")
    elif interface["type"] == "vlan" and "." in name:
        raw, _, tag = name.rpartition(".")
        interface |= {"vlan-raw-device": raw, "vlan-id": tag}


def _revert(call: Call) -> object:
    call.node.network.revert()
    return None


def _reload(call: Call) -> object:
    node = call.node

    def work(task: Task) -> Work:
        now = node.cluster.clock.now()
        yield from command("ifreload -a", _RELOADING)
        node.network.apply(now)
        node.changed()

    return call.start("srvreload", "networking", work)
