"""Values that Proxmox's named formats take and refuse: what the official schema itself does not say.

By hand from the sources (pve-common `JSONSchema.pm`, pve-storage `Storage/Plugin.pm`, pve-access-control,
pve-container `LXC/Config.pm`, pve-manager `NodeConfig.pm`), so that the simulator's own tables are not
their own judges. Formats that are not here get no value at all.
"""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = ("a-1", "node7", "X"), ("-a", "a-", "a_b", "ä")
_IDS = ("ab", "local", "a-b_c.d", "Zfs1"), ("a", "1a", "a!", "-ab", "ab_")
_CONFIG = ("ab", "before-update", "A_1"), ("a", "1a", "ab!", "a b")
_ACL = ("abc", "A.b-c_1"), ("a b", "a!", "ü")
_VM = ("100", "999999999"), ("99", "0100", "1000000000", "abc")
_SID = ("ct:100", "vm:101"), ("ct:1", "ct100", "xy:100")
_V4 = ("10.0.0.1", "255.255.255.255"), ("10.0.0", "10.0.0.256", "::1", "x")
_V6 = ("::1", "fe80::1"), ("10.0.0.1", ":::", "x")
_C4 = ("10.0.0.1/24", "10.0.0.0/8"), ("10.0.0.1", "10.0.0.1/7", "10.0.0.1/33", "::1/64")
_C6 = ("fd00::1/64", "::1/128"), ("fd00::1", "fd00::1/7", "fd00::1/129", "10.0.0.1/24")
_HOST = ("example.org", "a", "10.0.0.1", "::1"), ("-x", "a..b", "a b", "ex_ample")
_VOLUME = ("local:100/vm-100-disk-0.raw", "ab:x"), ("local", "a:x", "1a:x", "local:")

#: Format → (right values, wrong values).
SAMPLES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "pve-node": _NAMES,
    "pve-storage-id": _IDS,
    "pve-storage-vgname": (("ab", "1vg", "Vg_1.x"), ("a", "-ab", "ab!")),
    "pve-configid": _CONFIG,
    "pve-vmid": _VM,
    "pve-bridge-id": (("vmbr0", "a.b-c_d"), ("a b", "a/b", "a!")),
    "pve-iface": (("vmbr0", "eth0.100", "bond0:1"), ("v", "0eth", "eth-0", "a" * 30)),
    "ipv4": _V4,
    "ipv6": _V6,
    "ip": (_V4[0] + _V6[0], ("x", "10.0.0", "10.0.0.1/24")),
    "CIDRv4": _C4,
    "CIDRv6": _C6,
    "CIDR": (_C4[0] + _C6[0], ("10.0.0.1", "x/24", "10.0.0.1/99")),
    "pve-ipv4-config": ((*_C4[0], "dhcp", "manual"), ("auto", "10.0.0.1", "DHCP")),
    "pve-ipv6-config": ((*_C6[0], "dhcp", "manual", "auto"), ("10.0.0.1/24", "x")),
    "ipv4mask": (("255.255.255.0", "255.0.0.0"), ("255.0.255.0", "24", "x")),
    "mac-addr": (("BC:24:11:00:00:01", "02:00:00:00:00:00"), ("BC:24:11", "01:00:00:00:00:00", "x")),
    "mac-prefix": (("BC:24:11", "02:00:00:"), ("01:00:00", "x", "BC2411")),
    "email": (("a@b", "root@test.local"), ("a", "a@", "a b@c")),
    "email-or-username": (("a@b", "root"), ("a b", "@b")),
    "dns-name": (("a", "x" * 64, "a.b.c"), ("a_b", "-a", "a.", "a b")),
    "address": _HOST,
    "pve-storage-server": _HOST,
    "pve-storage-portal-dns": (("10.0.0.1", "10.0.0.1:6789", "mon.x"), ("a b", "a:b")),
    "pve-storage-path": (("/mnt/x", "/srv/a b"), ("mnt", "/", "/(x")),
    "pve-storage-options": (("vers=4.2", "soft,vers=3"), ("a b", "")),
    "pve-storage-content": (("images", "rootdir", "none"), ("bogus", "Images")),
    "pve-dir-override": (("iso=images/iso", "backup=b"), ("iso", "iso=../x", "bogus=x")),
    "disk-size": (("8G", "512M", "1.5T", "1024"), ("8GB", "x", "-1G", "8g")),
    "pve-startup-order": (("1", "order=1,up=30,down=60", "up=5"), ("x", "order=", "up=-1")),
    "pve-poolid": (("p1", "a/b", "A.b-c"), ("a b", "/a", "a//b")),
    "pve-userid": (("root@pam", "a.b@pve"), ("norealm", "a@1", "a b@pve", "a@")),
    "pve-tokenid": (("root@pam!ab",), ("root@pam", "root@pam!1", "x!ab")),
    "pve-groupid": _ACL,
    "pve-roleid": _ACL,
    "pve-realm": (("pam", "ab-1"), ("1a", "a b", "a")),
    "pve-priv": (("VM.Audit", "Sys.Modify"), ("VM.Nope", "vm.audit")),
    "pve-volume-id": _VOLUME,
    "pve-tag": (("prod", "a-b+c.d", "_x"), ("-a", "a!", "ä")),
    "pve-lxc-mp-string": (("/data", "/a/b"), ("/a/../b", "/a/.", "../a")),
    "pve-lxc-dev-string": (("/dev/fuse", "/dev/net/tun"), ("/etc/passwd", "/dev/../x")),
    "pve-ct-timezone": (("host", "Europe/Berlin", "UTC"), ("Nope/Nope", "x")),
    "pve-ha-resource-id": _SID,
    "pve-ha-resource-or-vm-id": ((*_SID[0], "100"), ("ct:1", "ct100", "99")),
    "pve-ha-node": (("pve1", "pve1:2"), ("-a", "pve1:x")),
    "pve-replication-job-id": (("100-0", "101-12"), ("100", "1-0", "x")),
    "storage-pair": (("local", "local:other", "1"), ("a", "a:b:c", "local:!")),
    "bridge-pair": (("vmbr0", "vmbr0:vmbr1", "1"), ("a b", "x:y!")),
    "ldap-simple-attr": (("uid", "cn1"), ("a-b", "a b")),
    "pve-task-status-type": (("ok", "ERROR", "warning"), ("bogus", "fine")),
    "pve-vlan-id-or-range": (("2", "100-200"), ("1", "4095", "200-100", "x")),
    "pve-acme-domain": (("example.org", "*.example.org"), ("localhost", "a!.b")),
    "pve-acme-alias": (("example.org",), ("localhost", "*.example.org")),
    "urlencoded": (("abc%20d", ""), ("a b", "a/b", "ä")),
    "lxc-ip-with-ll-iface": (("10.0.0.1", "fd00::1"), ("x", "10.0.0")),
    "proxmox-remote": (("host=a,apitoken=b",), ("host=a", "x")),
    "prune-backups": (("keep-last=3", "keep-all=1", "keep-daily=7,keep-weekly=4"), ("keep=1", "keep-last=x")),
    "backup-performance": (("max-workers=4",), ("max-workers=0", "bogus=1")),
    "backup-fleecing": (("1", "enabled=1,storage=local"), ("enabled=maybe", "storage=a!")),
    "realm-sync-options": (("scope=both", "enable-new=0"), ("scope=x",)),
}
