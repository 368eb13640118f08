from __future__ import annotations

from typing import Any

import pytest

from paddock.proxmox.lxc import parse_config, properties, size, split_tags, volume

# recorded on 9.2
CONFIG = {
    "ostype": "debian", "hostname": "ct102", "unprivileged": 1, "swap": 64, "arch": "amd64", "cpuunits": 200,
    "net0": "name=eth0,bridge=vmbr0,firewall=1,gw=10.66.0.1,hwaddr=BC:24:11:CE:02:9F,ip=10.66.0.101/24,tag=20,type=veth",
    "net1": "name=eth1,bridge=vmbr1,ip=dhcp,ip6=2001:db8::5/64",
    "mp0": "local:102/vm-102-disk-1.raw,mp=/data,backup=1,size=1G", "mp1": "/srv/files,mp=/files",
    "rootfs": "local:102/vm-102-disk-0.raw,size=8G", "protection": 0, "cores": 2, "features": "nesting=1,mount=nfs;cifs,fuse=0",
    "cpulimit": "0.5", "digest": "adf9", "memory": 128, "description": "made by\nrecorder\n", "tags": "prod;web",
}  # fmt: skip


def test_a_configuration_is_read_whole() -> None:
    config = parse_config(CONFIG)
    assert (config.hostname, config.memory, config.swap, config.cores) == ("ct102", 128 << 20, 64 << 20, 2)
    assert config.cpulimit == 0.5
    assert config.unprivileged
    assert not config.protection
    assert config.features == ("nesting", "mount=nfs;cifs")
    assert config.tags == ("prod", "web")
    assert config.description == "made by\nrecorder"
    assert config.complete


def test_networks_have_their_addresses() -> None:
    config = parse_config(CONFIG)
    assert [net.name for net in config.nets] == ["eth0", "eth1"]
    assert config.nets[0].firewall
    assert config.nets[0].tag == 20
    assert config.addresses == ("10.66.0.101/24", "2001:db8::5/64")


def test_volumes_have_storage_and_size() -> None:
    root, data, bind = parse_config(CONFIG).volumes
    assert (root.key, root.storage, root.size, root.path) == ("rootfs", "local", 8 << 30, "/")
    assert (data.storage, data.path, data.size) == ("local", "/data", 1 << 30)
    assert (bind.storage, bind.volume, bind.path) == (None, "/srv/files", "/files")


def test_a_container_that_is_being_made_has_only_a_lock() -> None:
    config = parse_config({"digest": "a", "lock": "create"})
    assert not config.complete
    assert config.lock == "create"
    assert config.nets == ()


def test_nonsense_in_a_configuration_does_no_harm() -> None:
    config = parse_config({"memory": "plenty", "net0": ",,=", "rootfs": "", "cores": None, "netX": "a"})
    assert config.memory is None
    assert config.nets[0].bridge is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("8G", 8 << 30), ("512M", 512 << 20), ("1T", 1 << 40), ("4K", 4096), ("100", 100), ("x", None)],
)
def test_sizes_are_bytes(text: str, wanted: int | None) -> None:
    assert size(text) == wanted


def test_tags_may_be_separated_in_every_way_that_proxmox_accepts() -> None:
    assert split_tags("a;b, c  d;a") == ("a", "b", "c", "d")


def test_properties_know_their_default_key() -> None:
    assert properties("local:1,size=2G", default="volume") == {"volume": "local:1", "size": "2G"}
    assert volume("mp0", "volume=tank:x,mp=/a").storage == "tank"


@pytest.mark.parametrize(
    "raw",
    [
        {"memory": "1e400"},
        {"memory": 1e300},
        {"memory": 2**62},
        {"swap": "-inf"},
        {"cores": "inf"},
        {"cores": 2**63},
        {"cpulimit": "nan"},
        {"rootfs": "local:1/x,size=999999999999999999999G"},
        {"rootfs": f"local:1/x,size={'9' * 400}"},
        {"net0": "name=eth0,tag=nan"},
        {"net0": "name=eth0,tag=1e999"},
        {f"net{'1' * 5000}": "name=eth0"},
    ],
)
def test_figures_that_no_database_holds_are_unknown(raw: dict[str, Any]) -> None:
    config = parse_config(raw)
    assert (config.memory, config.swap, config.cores, config.cpulimit) == (None, None, None, None)
    assert all(found.size is None for found in config.volumes)
    assert all(found.tag is None for found in config.nets)
