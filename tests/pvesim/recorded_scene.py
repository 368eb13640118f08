"""The scene in which the exchanges were recorded, as their README describes it."""

from __future__ import annotations

from pvesim import AclScene, ClusterScene, GuestScene, NodeScene, StorageScene, TokenScene, UserScene

CT_ADMIN = [
    "VM.Allocate",
    "VM.Audit",
    "VM.Config.Disk",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.PowerMgmt",
    "VM.Console",
    "Datastore.AllocateSpace",
    "Datastore.Audit",
    "Sys.Audit",
    "SDN.Use",
    "Pool.Audit",
]
FULL = "c4ecbd22-2884-43db-b79c-49e912ecaf3a"
_TEMPLATES = [
    "debian-12-standard_12.7-1_amd64.tar.gz",
    "alpine-like-test_1.0_amd64.tar.zst",
    "broken_1.0_amd64.tar.gz",
    "tiny.iso",
    "lpbig-12-standard_12_amd64.tar.gz",
]
_SIZES = {"lpbig-12-standard_12_amd64.tar.gz": 500, **dict.fromkeys(_TEMPLATES[:4], 1)}


def users() -> list[UserScene]:
    return [
        UserScene(userid="limited@pve", password="limited-pass", comment="read only", roles=["PVEAuditor"]),
        UserScene(userid="operator@pve", password="operator-pass"),
        UserScene(userid="disabled@pve", password="disabled-pass", enable=False),
        UserScene(userid="expired@pve", password="expired-pass", expire=1000000000),
        UserScene(userid="x@nope"),
    ]


def tokens(opsep: str, *, dis: bool = True) -> list[TokenScene]:
    def token(userid: str, tokenid: str, secret: str, **more: object) -> TokenScene:
        return TokenScene(userid=userid, tokenid=tokenid, secret=secret, **{"privsep": False, **more})  # type: ignore[arg-type]

    found = [
        token("root@pam", "full", FULL, comment="full rights"),
        token("root@pam", "sep", "3dfbc833-6644-465e-9197-7517a0c565e8", privsep=True),
        token("root@pam", "expired", "9796cc29-ee6d-406d-86d1-e3ea1da622c0", expire=1000000000),
        token("limited@pve", "ro", "96fbde78-efdf-4db2-bc85-a22d3808b0a9"),
        token("operator@pve", "op", "a426f11d-5a2e-4a54-8371-9235a2b1518b"),
        token("operator@pve", "opsep", opsep, privsep=True),
    ]
    if dis:
        found.append(token("disabled@pve", "dis", "cdb980ea-d635-418e-9a92-06aeb2d6efde"))
    return found


def entries() -> list[AclScene]:
    paths = ("/vms", "/storage/local", "/nodes", "/sdn/zones/localnetwork")
    granted = [AclScene(path=path, ugid="operator@pve", role="CTAdmin") for path in paths]
    return [
        *granted,
        AclScene(path="/vms", ugid="operator@pve", role="PVEAuditor"),
        AclScene(path="/vms/100", ugid="operator@pve!opsep", role="PVEVMUser"),
    ]


def cluster(
    *,
    nodes: int = 1,
    offline: tuple[str, ...] = (),
    people: bool = True,
    opsep: str = "5f999587-2630-4d19-a83b-1d8fea63e298",
    dis: bool = True,
    guests: tuple[GuestScene, ...] = (),
    shared: bool = False,
    pools: tuple[str, ...] = (),
    notes: str = "",
    dns: str = "10.66.0.1",
) -> ClusterScene:
    """One node alone, or three as `testcluster`."""
    storages = [StorageScene(name="local", size=19.5)]
    if shared:
        storages.append(
            StorageScene(
                name="shared", shared=True, content=["vztmpl", "rootdir", "iso", "backup"], size=252.0
            )
        )
    return ClusterScene(
        name="testcluster",
        nodes=[
            NodeScene(
                name=f"pve{n}",
                cores=2,
                memory=23.5,
                rootfs=19.5,
                offline=f"pve{n}" in offline,
                templates=_TEMPLATES,
                qemu=False,
                template_sizes=_SIZES,
                damaged_templates=["broken_1.0_amd64.tar.gz"],
                description=notes,
            )
            for n in range(1, nodes + 1)
        ],
        guests=[*guests] if guests else [container(100)],
        pools=list(pools),
        storages=storages,
        users=users() if people else [],
        tokens=tokens(opsep, dis=dis) if people else [],
        roles={"CTAdmin": CT_ADMIN} if people else {},
        acl=entries() if people else [],
        root_password="pve-real-root",
        root_email="root@test.local",
        domain="test.local",
        dns=[dns] if dns else [],
        clustered=nodes > 1,
    )


def container(vmid: int, node: str = "pve1", **more: object) -> GuestScene:
    values: dict[str, object] = {
        "status": "stopped",
        "memory": 192,
        "swap": 64,
        "disk": 1.0,
        "ip": f"10.66.0.{vmid}/24",
        "gateway": "10.66.0.1",
    }
    return GuestScene(vmid=vmid, name=f"ct{vmid}", node=node, **{**values, **more})  # type: ignore[arg-type]


#: What stood on the three nodes while they were asked about each other.
ON_PVE1 = (
    container(100, description="x"),
    container(101, tags=["prod", "web"]),
    container(104, template=True),
    container(105),
)
RUNNING = (container(110, "pve2", status="running"), container(111, "pve3", status="running"))
BEING_MADE = container(120, lock="create")

#: The configuration of a container that was made without much.
STOPPED_CONF: dict[str, str | int] = {
    "arch": "amd64",
    "hostname": "ct771",
    "memory": 128,
    "swap": 0,
    "ostype": "debian",
    "rootfs": "local:771/vm-771-disk-0.raw,size=1G",
    "unprivileged": 1,
}
