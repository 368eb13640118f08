"""How a node is set up: /nodes/{node}/{dns,time,hosts,config}.

Sources: pve-manager `API2/Nodes.pm`, `API2/NodeConfig.pm`, pve-common `INotify.pm`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from pvesim.api import Call, Routes
from pvesim.errors import failed, invalid
from pvesim.formats import words
from pvesim.hostconfig import hosts_text
from pvesim.model import digest

_CHANGED = "detected modified configuration - file changed by other user? Try again."


def register(routes: Routes) -> None:
    node = "/nodes/{node}"
    routes.get(f"{node}/dns")(_dns)
    routes.put(f"{node}/dns")(_change_dns)
    routes.get(f"{node}/time")(_time)
    routes.put(f"{node}/time")(_change_time)
    routes.get(f"{node}/hosts")(_hosts)
    routes.post(f"{node}/hosts")(_change_hosts)
    routes.get(f"{node}/config")(_config)
    routes.put(f"{node}/config")(_change_config)


def _dns(call: Call) -> object:
    scene, host = call.cluster.scene, call.node.host
    known = scene.dns if host.servers is None else host.servers
    servers = {f"dns{n + 1}": server for n, server in enumerate(known[:3])}
    return {"search": scene.domain if host.search is None else host.search, **servers}


def _change_dns(call: Call) -> object:
    host = call.node.host
    host.search = call.params["search"]
    host.servers = [call.params[key] for key in ("dns1", "dns2", "dns3") if call.params.get(key)]
    return None


def _time(call: Call) -> object:
    zone, now = call.node.host.timezone, call.node.now()
    offset = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    local = int(now) + (int(offset.total_seconds()) if offset else 0)
    return {"time": int(now), "localtime": local, "timezone": zone}


def _change_time(call: Call) -> object:
    zone = call.params["timezone"]
    if zone not in available_timezones():
        raise invalid(timezone="No such timezone")
    call.node.host.timezone = zone
    return None


def _hosts(call: Call) -> object:
    content = hosts_text(call.node)
    return {"data": content, "digest": digest(content)}


def _change_hosts(call: Call) -> object:
    if call.params.get("digest") not in (None, digest(hosts_text(call.node))):
        raise failed(_CHANGED)
    call.node.host.hosts = call.params["data"]
    return None


def _config(call: Call) -> object:
    known = _known(call)
    wanted = call.params.get("property")
    if not known:
        return {}
    shown = {wanted: known[wanted]} if wanted in known else {} if wanted else known
    return {**shown, "digest": _digest(call)}


def _known(call: Call) -> dict[str, str]:
    description = call.node.description
    return {**({"description": description} if description else {}), **call.node.host.options}


def _digest(call: Call) -> str:
    known = _known(call)
    if known.keys() == {"description"}:
        return digest(known["description"])
    return digest("".join(f"{key}: {value}\n" for key, value in sorted(known.items())))


def _change_config(call: Call) -> object:
    if not call.cluster.quorate:
        where = f"/etc/pve/nodes/{call.node.name}/config.tmp.{call.node.worker}"
        raise failed(f"unable to open file '{where}' - Permission denied")
    given = {key: value for key, value in call.params.items() if key != "node"}
    if given.pop("digest", None) not in (None, _digest(call)):
        raise failed(_CHANGED)
    node = call.node
    for key in words(given.pop("delete", "")):
        node.host.options.pop(key, None)
        if key == "description":
            node.description = ""
    description = given.pop("description", None)
    if description is not None:
        node.description = f"{description}\n" if description else ""
    node.host.options |= given
    return None
