"""Proxmox VE's privileges and built-in roles (as listed by /access/roles of 9.2 and 8.4)."""

from __future__ import annotations

from collections.abc import Mapping

_DATASTORE = "Datastore.Allocate Datastore.AllocateSpace Datastore.AllocateTemplate Datastore.Audit"
_VM_CONFIG = (
    "VM.Config.CDROM VM.Config.CPU VM.Config.Cloudinit VM.Config.Disk VM.Config.HWType"
    " VM.Config.Memory VM.Config.Network VM.Config.Options"
)
_AGENT_USER = (
    "VM.GuestAgent.Audit VM.GuestAgent.FileRead VM.GuestAgent.FileSystemMgmt VM.GuestAgent.FileWrite"
)
_VM_USER = "VM.Audit VM.Backup VM.Config.CDROM VM.Config.Cloudinit VM.Console VM.PowerMgmt"
_VM_ADMIN = (
    f"VM.Allocate VM.Audit VM.Backup VM.Clone {_VM_CONFIG} VM.Console VM.Migrate VM.PowerMgmt"
    " VM.Replicate VM.Snapshot VM.Snapshot.Rollback"
)
_MAPPING = "Mapping.Audit Mapping.Modify Mapping.Use"
_SDN = "SDN.Allocate SDN.Audit SDN.Use"
_SYS_ADMIN = "Sys.Audit Sys.Console Sys.Syslog"
_ADMIN = (
    f"{_DATASTORE} Group.Allocate Mapping.Audit Mapping.Use Pool.Allocate Pool.Audit Realm.AllocateUser"
    f" {_SDN} {_SYS_ADMIN} User.Modify {_VM_ADMIN}"
)
_ROOT = (
    "Mapping.Modify Permissions.Modify Realm.Allocate Sys.AccessNetwork Sys.Incoming Sys.Modify Sys.PowerMgmt"
)


def _roles(agent_user: str, agent_admin: str) -> Mapping[str, frozenset[str]]:
    texts = {
        "Administrator": f"{_ADMIN} {_ROOT} {agent_user} {agent_admin}",
        "NoAccess": "",
        "PVEAdmin": f"{_ADMIN} {agent_user} {agent_admin}",
        "PVEAuditor": "Datastore.Audit Mapping.Audit Pool.Audit SDN.Audit Sys.Audit VM.Audit"
        + (" VM.GuestAgent.Audit" if "VM.GuestAgent.Audit" in agent_user else ""),
        "PVEDatastoreAdmin": _DATASTORE,
        "PVEDatastoreUser": "Datastore.AllocateSpace Datastore.Audit",
        "PVEMappingAdmin": _MAPPING,
        "PVEMappingUser": "Mapping.Audit Mapping.Use",
        "PVEPoolAdmin": "Pool.Allocate Pool.Audit",
        "PVEPoolUser": "Pool.Audit",
        "PVESDNAdmin": _SDN,
        "PVESDNUser": "SDN.Audit SDN.Use",
        "PVESysAdmin": _SYS_ADMIN,
        "PVETemplateUser": "VM.Audit VM.Clone",
        "PVEUserAdmin": "Group.Allocate Realm.AllocateUser User.Modify",
        "PVEVMAdmin": f"{_VM_ADMIN} {agent_user} {agent_admin}",
        "PVEVMUser": f"{_VM_USER} {agent_user}",
    }
    return {role: frozenset(text.split()) for role, text in texts.items()}


#: Role name → privileges, per major version. 9 replaced VM.Monitor by the VM.GuestAgent family.
BUILTIN_ROLES: Mapping[int, Mapping[str, frozenset[str]]] = {
    8: _roles("", "VM.Monitor"),
    9: _roles(_AGENT_USER, "VM.GuestAgent.Unrestricted"),
}

#: What the sign-in answer's `cap` speaks about: section → privilege prefixes; see capabilities().
_CAP_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "vms": ("VM.",),
    "storage": ("Datastore.",),
    "nodes": ("Sys.",),
    "sdn": ("SDN.",),
    "mapping": ("Mapping.",),
    "access": ("User.", "Group."),
    "dc": ("SDN.", "Sys.Audit", "Sys.Modify"),
}
CAP_PATHS: Mapping[str, str] = {
    "vms": "/vms",
    "storage": "/storage",
    "nodes": "/nodes",
    "sdn": "/sdn",
    "mapping": "/mapping",
    "access": "/access",
    "dc": "/",
}


def capabilities(section: str, held: frozenset[str]) -> dict[str, int]:
    """The part of `cap` that a user holding `held` on the section's path sees."""
    prefixes = _CAP_PREFIXES[section]
    found = {privilege: 1 for privilege in sorted(held) if privilege.startswith(prefixes)}
    if section != "dc" and "Permissions.Modify" in held:
        found["Permissions.Modify"] = 1
    return found
