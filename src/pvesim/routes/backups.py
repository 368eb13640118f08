"""Backups of guests: POST /nodes/{node}/vzdump, its defaults, and the configuration in a backup.

The order of the checks is that of pve-manager `API2/VZDump.pm`; what is checked only in the task as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from pvesim import volnames
from pvesim.api import Call, Routes
from pvesim.config_rights import may_read_volume
from pvesim.errors import ApiError, failed, invalid
from pvesim.formats import words
from pvesim.model import Cluster
from pvesim.pruning import most_protected, retention
from pvesim.routes.storage import SEEN_BY, usable
from pvesim.scene import StorageScene
from pvesim.storages import directory, kind_of
from pvesim.tasks import Task, TaskFailed, Work
from pvesim.works.backing_up import Job, dump

_ROOT_ONLY = ("tmpdir", "dumpdir", "script", "job-id")
_NOT_TOLD = frozenset(("vmid", "quiet"))  # in the command line of the log
_DEFAULTS: Mapping[str, object] = {
    "all": 0, "bwlimit": 0, "compress": "0", "fleecing": {"enabled": 0}, "ionice": 7, "lockwait": 180,
    "mailnotification": "always", "mode": "snapshot", "notification-mode": "auto",
    "performance": {"max-workers": 16, "pbs-entries-max": 1048576}, "pigz": 0, "quiet": 0, "remove": 1,
    "stdexcludes": 1, "stop": 0, "stopwait": 10, "zstd": 1,
}  # fmt: skip
_AUDITED = ("mailto", "tmpdir", "dumpdir", "script", "ionice")


def register(routes: Routes) -> None:
    at = "/nodes/{node}/vzdump"
    routes.post(at)(_dump)
    routes.get(f"{at}/defaults")(_defaults)
    routes.get(f"{at}/extractconfig")(_extract)


def check_selection(given: Mapping[str, str], *, complete: bool = True) -> dict[str, str]:
    """`verify_vzdump_parameters`: what must not go together. Raises 400."""
    given = dict(given)
    for name in ("all", "exclude", "pool"):
        if given.get(name, "") not in ("", "0") and given.get("vmid"):
            raise invalid(**{name: "option conflicts with option 'vmid'"})
    if "prune-backups" in given and "maxfiles" in given:
        raise invalid(**{"prune-backups": "option conflicts with option 'maxfiles'"})
    if "\n" in given.get("notes-template", ""):
        raise invalid(**{"notes-template": "contains a line feed"})
    if "exclude" in given and not given.get("pool"):
        given["all"] = "1"
    chosen = any(given.get(name, "") not in ("", "0") for name in ("all", "stop", "pool", "vmid"))
    if complete and not chosen:
        raise invalid(vmid="property is missing")
    return given


def check_rights(call: Call, given: Mapping[str, str]) -> None:
    """`assert_param_permission_common`. Raises 400, 403."""
    if call.is_root:
        return
    for name in _ROOT_ONLY:
        if name in given:
            raise invalid(**{name: "Only root may set this option."})
    if any(name in given for name in ("bwlimit", "ionice", "performance")):
        call.need("/", "Sys.Modify")


def selected(cluster: Cluster, given: Mapping[str, str]) -> list[int]:
    """The guests that are meant, by vmid, pool, or all but some."""
    if given.get("pool"):
        return [guest.vmid for guest in cluster.guests.values() if guest.pool == given["pool"]]
    if given.get("vmid"):
        return [int(word) for word in dict.fromkeys(words(given["vmid"]))]
    if given.get("all") == "1":
        without = set(map(int, words(given.get("exclude", ""))))
        return [vmid for vmid in cluster.guests if vmid not in without]
    return []


def _dump(call: Call) -> object:
    given, node = dict(call.params), call.node
    if call.flag("stdout"):
        raise invalid(stdout="option is only allowed on the command line interface.")
    check_rights(call, given)
    name = given.get("storage") or ("" if "dumpdir" in given else "local")
    if ("maxfiles" in given or "prune-backups" in given) and name:
        call.need(f"/storage/{name}", "Datastore.Allocate")
    given = check_selection(given)
    line = _command_line(given, node.name)
    local: list[int] = []
    elsewhere: list[int] = []
    for vmid in selected(call.cluster, given):
        guest = call.cluster.guests.get(vmid)
        (local if guest is None or guest.node is node else elsewhere).append(vmid)
    if call.flag("stop"):
        for worker in [each for each in node.tasks.active.values() if each.task.type == "vzdump"]:
            worker.stop(call.now)
        if not local:
            return "OK"
    if not local and given.get("all") != "1":
        return "OK"
    if given.get("storage"):
        call.need(f"/storage/{given['storage']}", "Datastore.AllocateSpace")

    def work(task: Task) -> Work:
        try:
            storage = _target(call, name or "local")
            job = _job(call, given, storage, line, local, elsewhere)
        except ApiError as error:
            yield 0.05
            raise TaskFailed(f"could not get storage information for '{name}': {error.text}") from None
        yield from dump(task, node, job)

    return call.start("vzdump", local[0] if len(local) == 1 else "", work)


def _target(call: Call, name: str) -> StorageScene:
    storage = usable(call, name)
    if "backup" not in storage.content:
        raise failed(f"storage '{name}' does not support backups")
    if not kind_of(storage).files and storage.type != "pbs":
        raise failed(f"can't use storage '{name}' for backups - wrong content type")
    return storage


def _job(
    call: Call,
    given: Mapping[str, str],
    storage: StorageScene,
    line: str,
    local: list[int],
    elsewhere: list[int],
) -> Job:
    keep = _keep(given, storage)

    def allowed(vmid: int) -> str:
        if call.can(f"/vms/{vmid}", "VM.Backup"):
            return ""
        return f"403 Permission check failed (/vms/{vmid}, VM.Backup)"

    return Job(
        line, local, elsewhere, storage,
        mode=given.get("mode", "snapshot"),
        compress=given.get("compress", "0"),
        keep={} if keep.get("keep-all") or given.get("remove") == "0" else keep,
        protected=given.get("protected") == "1",
        most_protected=most_protected(call, storage),
        notes=given.get("notes-template", ""),
        bandwidth=int(given.get("bwlimit") or 0),
        ionice=int(given.get("ionice") or 7),
        lockwait=int(given.get("lockwait") or 180),
        stopwait=int(given.get("stopwait") or 10),
        all=given.get("all") == "1",
        allowed=allowed,
    )  # fmt: skip


def _keep(given: Mapping[str, str], storage: StorageScene) -> dict[str, int]:
    if given.get("prune-backups"):
        return retention(given["prune-backups"])
    if given.get("maxfiles"):
        return {"keep-last": int(given["maxfiles"])}
    return retention(storage.options.get("prune-backups", "keep-all=1"))


def _command_line(given: Mapping[str, str], node: str) -> str:
    parts = ["vzdump", *words(given.get("vmid", ""))]
    for key, value in {**given, "node": node}.items():
        if key in _NOT_TOLD or value == "":
            continue
        shown = value if quote(value, safe="/:=,._-@+%") == value else "'" + value.replace("'", "'\\''") + "'"
        parts.append(f"--{key} {shown}")
    return " ".join(parts)


def _defaults(call: Call) -> object:
    row = dict(_DEFAULTS)
    name = call.params.get("storage") or "local"
    row["storage"] = name
    call.need(f"/storage/{name}", *SEEN_BY, any_of=True)
    storage = usable(call, name)
    if "backup" not in storage.content:
        raise failed(f"can't use storage '{name}' for backups - wrong content type")
    if kind_of(storage).files:
        row["dumpdir"] = f"{directory(storage)}/dump"
    row["prune-backups"] = storage.options.get("prune-backups", "keep-all=1")
    if not call.can(f"/nodes/{call.node.name}", "Sys.Audit"):
        row = {key: value for key, value in row.items() if key not in _AUDITED}
    if call.node.version.major < 9:
        row.pop("notification-mode")
    return row


def _extract(call: Call) -> object:
    volid = call.params["volume"]
    may_read_volume(call, volid, None)
    if not (
        storage := call.cluster.storages.get(volid.partition(":")[0])
    ):  # a path, which only root may give
        raise failed(f"unable to parse volume ID '{volid}'")
    owner = volnames.parse(storage, volid.partition(":")[2]).vmid
    if owner is not None:
        call.need(f"/vms/{owner}", "VM.Backup")
    volume = call.cluster.volumes.find(call.node.name, volid)
    if volume is None:
        raise failed(f"can't find file '{volid}'")
    if volume.content != "backup":
        raise failed(f"ERROR: couldn't determine archive info from '{volid.rpartition('/')[2]}'")
    if volume.config is None:
        raise failed("ERROR: archive contains no configuration file")
    return written(volume.config)


def written(conf: Mapping[str, str | int]) -> str:
    """A configuration as its file has it."""
    notes = str(conf.get("description", "")).rstrip("\n")
    lines = [f"#{quote(line, safe=' /:,.;=+*()-_@!?&')}" for line in notes.split("\n") if notes]
    lines += [f"{key}: {conf[key]}" for key in sorted(conf) if key not in ("description", "digest")]
    return "".join(f"{line}\n" for line in lines)
