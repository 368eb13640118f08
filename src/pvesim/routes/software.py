"""What runs on a node and what it says: /nodes/{node}/{apt,subscription,report,syslog,journal,netstat}.

Sources: pve-manager `API2/APT.pm`, `API2/Subscription.pm`, `API2/Nodes.pm`, pve-common `Tools.pm`
(dump_journal).
"""

from __future__ import annotations

from datetime import UTC, datetime

from pvesim.api import Call, Routes, perm
from pvesim.clusterlog import Line
from pvesim.errors import failed
from pvesim.hostconfig import hosts_text
from pvesim.model import Node
from pvesim.tasks import Task, Work
from pvesim.verify import TEXT
from pvesim.wire import Reply

_NO_KEY = "There is no subscription key"
_URL = "https://www.proxmox.com/en/proxmox-virtual-environment/pricing"
_SERVER_ID = "0123456789ABCDEF0123456789ABCDEF"
_MIRRORS = (
    "http://deb.debian.org/debian {suite} InRelease",
    "http://download.proxmox.com/debian/pve {suite} InRelease",
)


def register(routes: Routes) -> None:
    node = "/nodes/{node}"
    names = ("changelog", "repositories", "update", "versions")
    routes.get(f"{node}/apt")(lambda call: [{"id": name} for name in names])
    routes.get(f"{node}/apt/update")(lambda call: _updates(call.node))
    routes.post(f"{node}/apt/update")(_refresh)
    routes.get(f"{node}/apt/versions")(lambda call: _versions(call.node))
    modify, audit = perm(node, "Sys.Modify"), perm(node, "Sys.Audit")
    changelog = {"name": TEXT.needed(), "version": TEXT}
    routes.get(f"{node}/apt/changelog", check=modify, params=changelog)(_changelog)
    routes.get(f"{node}/apt/repositories", check=audit)(_repositories)
    routes.get(f"{node}/subscription")(_subscription)
    routes.put(f"{node}/subscription")(_set_key)
    routes.post(f"{node}/subscription")(lambda call: None)
    routes.delete(f"{node}/subscription")(_remove_key)
    routes.get(f"{node}/report")(lambda call: _report(call.node))
    routes.get(f"{node}/syslog")(_syslog)
    routes.get(f"{node}/journal")(_journal)
    routes.get(f"{node}/netstat")(_netstat)


def _package(name: str, title: str, version: str, old: str, **more: object) -> dict[str, object]:
    return {
        "Package": name,
        "Title": title,
        "Version": version,
        "OldVersion": old,
        "Arch": "amd64",
        "Origin": "Proxmox",
        "Priority": "optional",
        "Section": "admin",
        "Description": f"{title}.",
        **more,
    }


def _updates(node: Node) -> list[dict[str, object]]:
    version = node.version
    newer = f"{version.release}.{version.patch + 1}"
    return [
        _package(
            "pve-manager", "Proxmox Virtual Environment Management Tools", newer, version.text, Arch="all"
        ),
        _package(
            "bind9-host", "DNS Lookup Utility", "1:9.20.21-1", "1:9.20.18-1", Origin="Debian", Section="net"
        ),
    ]


def _versions(node: Node) -> list[dict[str, object]]:
    version = node.version
    major = version.major
    rows = [
        _package(
            "proxmox-ve",
            "Proxmox Virtual Environment",
            f"{major}.0.0",
            f"{major}.0.0",
            RunningKernel=version.kernel,
        ),
        _package(
            "pve-manager",
            "Management Tools",
            version.text,
            version.text,
            ManagerVersion=f"{version.text}/{version.repoid}",
        ),
    ]
    for name in (
        "pve-container",
        "qemu-server",
        "pve-cluster",
        "libpve-access-control",
        "lxc-pve",
        "pve-ha-manager",
    ):
        rows.append(_package(name, name, f"{major}.1.1", f"{major}.1.1"))
    return [{**row, "CurrentState": "Installed"} for row in rows]


def _refresh(call: Call) -> object:
    suite = "trixie" if call.node.version.major >= 9 else "bookworm"

    def work(task: Task) -> Work:
        task.say("starting apt-get update")
        for number, mirror in enumerate(_MIRRORS, 1):
            yield 0.7
            task.say(f"Hit:{number} {mirror.format(suite=suite)}")
        yield 1.5
        task.say("Reading package lists...")

    return call.start("aptupdate", "", work)


def _changelog(call: Call) -> object:
    name = call.params["name"]
    if name not in (row["Package"] for row in (*_updates(call.node), *_versions(call.node))):
        raise failed(f"command 'apt-get changelog -qq {name}' failed: exit code 100")
    return f"{name} ({call.params.get('version', 'newest')}) stable; urgency=medium\n\n  * maintenance\n"


def _repositories(call: Call) -> object:
    return {"files": [], "errors": [], "infos": [], "digest": "0" * 64, "standard-repos": []}


def _subscription(call: Call) -> object:
    key = call.node.host.subscription
    if not key:
        answer: dict[str, object] = {"status": "notfound", "message": _NO_KEY, "url": _URL}
        return (
            {**answer, "serverid": _SERVER_ID}
            if call.can(f"/nodes/{call.node.name}", "Sys.Audit")
            else answer
        )
    return {"status": "new", "key": key, "serverid": _SERVER_ID, "url": _URL, "message": "not checked yet"}


def _set_key(call: Call) -> object:
    call.node.host.subscription = call.params["key"].strip()
    return None


def _remove_key(call: Call) -> object:
    call.node.host.subscription = ""
    return None


def _report(node: Node) -> str:
    version = node.version
    parts = {
        "general system info": f"# hostname\n{node.name}\n\n# pveversion --verbose\n"
        f"proxmox-ve: {version.major}.0.0 (running kernel: {version.kernel})\npve-manager: {version.text}",
        "/etc/hosts": hosts_text(node),
        "info about storage": "\n".join(f"{s.type}: {s.name}" for s in node.storages()),
        "info about containers": "\n".join(f"{g.vmid} {g.status} {g.name}" for g in node.guests.values()),
    }
    return "".join(f"==== {title} ====\n\n{text}\n\n" for title, text in parts.items())


def _said(node: Node, lines: list[Line]) -> list[str]:
    return [
        f"{datetime.fromtimestamp(at, UTC):%b %d %H:%M:%S} {node.name} {tag}[{pid}]: <{who}> {text}"
        for at, _, who, tag, _, pid, text in lines
    ]


def _lines(call: Call, since: float, until: float) -> list[str]:
    service = call.params.get("service")
    lines = [
        line
        for line in call.cluster.log.lines(call.node)
        if since <= line[0] <= until and service in (None, line[3], f"{line[3]}.service")
    ]
    return _said(call.node, lines)


def _syslog(call: Call) -> object:
    since = _moment(call.params.get("since"), 0.0)
    lines = _lines(call, since, _moment(call.params.get("until"), call.now)) or ["-- No entries --"]
    start, limit = call.number("start", 0), call.number("limit", 50)
    rows = [{"n": n, "t": line} for n, line in enumerate(lines, 1)]
    return Reply(rows[start : start + limit], beside={"total": len(rows)})


def _moment(text: str | None, default: float) -> float:
    if text is None:
        return default
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:  # like 2026-00-00, which journalctl refuses
        raise failed(f"Failed to parse timestamp: {text}") from None


def _journal(call: Call) -> object:
    """Between two cursors, as mini-journalreader prints it."""
    lines = _lines(call, call.number("since", 0), call.number("until", int(call.now)))
    last = call.number("lastentries", len(lines))
    shown = lines[max(0, len(lines) - last) :]
    first = len(lines) - len(shown)
    return [f"s={call.node.name};i={first:x}", *shown, f"s={call.node.name};i={len(lines):x}"]


def _netstat(call: Call) -> object:
    rows: list[dict[str, object]] = []
    for guest in call.node.guests.values():
        if guest.running and call.can(f"/vms/{guest.vmid}", "VM.Audit"):
            uptime = guest.uptime(call.now)
            received, sent = guest.pulse.received(uptime), guest.pulse.sent(uptime)
            rows.append({"vmid": str(guest.vmid), "dev": "net0", "in": str(received), "out": str(sent)})
    return rows
