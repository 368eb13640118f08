"""Files coming onto storages: upload, download-url, appliance templates, OCI images.

Sources: pve-storage `API2/Storage/Status.pm`, pve-manager `API2/Nodes.pm` (aplinfo, query-*).
"""

from __future__ import annotations

import re

from pvesim import catalogue, volnames
from pvesim.api import LOOKUP_TIMEOUT, Call, Routes
from pvesim.errors import failed, invalid
from pvesim.model import Node
from pvesim.routes.storage import active, usable
from pvesim.scene import StorageScene
from pvesim.storages import kind_of
from pvesim.works.storing import Incoming, Remote, download, pull, take_in


def register(routes: Routes) -> None:
    at = "/nodes/{node}/storage/{storage}"
    routes.post(f"{at}/upload")(_upload)
    routes.post(f"{at}/download-url")(_download)
    routes.post(f"{at}/oci-registry-pull", since="9.1")(_pull)
    routes.get("/nodes/{node}/aplinfo")(_appliances)
    routes.post("/nodes/{node}/aplinfo")(_appliance)
    routes.get("/nodes/{node}/query-url-metadata")(_metadata)
    routes.get("/nodes/{node}/query-oci-repo-tags", since="9.1")(_tags)


def _checked_name(call: Call, content: str, given: str) -> str:
    """The file's name as it will be on the storage. Raises 400."""
    file = volnames.safe(given)
    oci = (call.node.version.major, call.node.version.minor) >= (9, 1)
    endings = {
        "iso": volnames.ISO,
        "vztmpl": volnames.TEMPLATE if oci else volnames.TEMPLATE_BEFORE_OCI,
        "import": volnames.IMPORT,
    }
    known = endings.get(content)
    if known is None:
        raise invalid(content=f"upload content type '{content}' not allowed")
    if not known.fullmatch(file):
        wrong = "invalid filename or wrong extension" if content == "import" else "wrong file extension"
        raise invalid(filename=wrong)
    return file


def _upload(call: Call) -> object:
    """Not handed over to the node in the path: what was sent is copied there."""
    given = call.params
    node = _target(call)
    storage = usable(call, given["storage"], node.name)
    if not kind_of(storage).files:
        raise failed(f"can't upload to storage type '{storage.type}'")
    if "tmpfilename" not in given:
        raise failed("missing temporary file name")
    received = call.received
    if received is None:
        raise failed(f"temporary file '{given['tmpfilename']}' does not exist")
    content = given["content"]
    file = _checked_name(call, content, given["filename"])
    _may_hold(storage, content, f"storage '{storage.name}' does not support '{content}' content")
    if node is not call.asked and node.down:
        raise failed(
            f"can't activate storage '{storage.name}' on node '{node.name}': command '/usr/bin/ssh -o"
            f" BatchMode=yes {node.address} -- /usr/sbin/pvesm status --storage {storage.name}' failed:"
            " exit code 255"
        )
    incoming = Incoming(
        given["tmpfilename"], received.size, received.checksum(given.get("checksum-algorithm", "")),
        given.get("checksum", ""),
    )  # fmt: skip
    volid = f"{storage.name}:{content}/{file}"
    return call.start("imgcopy", "", lambda task: take_in(task, node, storage, volid, incoming))


def _target(call: Call) -> Node:
    name = call.params["node"]
    if name == "localhost":
        return call.asked
    node = call.cluster.nodes.get(name)
    if node is None:
        raise failed(
            f"hostname lookup '{name}' failed - failed to get address info for: {name}:"
            " Name or service not known",
            delay=LOOKUP_TIMEOUT * call.cluster.settings.delay_scale,
        )
    return node


def _may_hold(storage: StorageScene, content: str, wrong: str) -> None:
    if content not in storage.content:
        raise failed(wrong)


def _file_based(storage: StorageScene) -> None:
    if not kind_of(storage).files:
        raise failed(f"can't upload to storage type '{storage.type}', not a file based storage!")


def _download(call: Call) -> object:
    given, node = call.params, call.node
    storage, content = active(call, given["storage"]), given["content"]
    _file_based(storage)
    _may_hold(storage, content, f"storage '{storage.name}' is not configured for content-type '{content}'")
    file = _checked_name(call, content, given["filename"])
    remote = catalogue.remote(given["url"], given.get("checksum-algorithm", ""), given.get("checksum", ""))
    volid = f"{storage.name}:{content}/{file}"
    return call.start("download", file, lambda task: download(task, node, storage, volid, remote))


def _pull(call: Call) -> object:
    given, node = call.params, call.node
    storage, reference = active(call, given["storage"]), given["reference"]
    _file_based(storage)
    _may_hold(storage, "vztmpl", f"storage '{storage.name}' is not configured for content-type 'vztmpl'")
    file = f"{volnames.safe(given.get('filename') or reference)}.tar"
    volid = f"{storage.name}:vztmpl/{file}"
    if node.cluster.volumes.find(node.name, volid):
        raise failed(f"refusing to override existing file '{file}'")
    size = catalogue.image_size(reference)
    return call.start("ociregistrypull", file, lambda task: pull(task, node, storage, volid, reference, size))


def _appliances(call: Call) -> object:
    return call.mixed(
        [{k: v for k, v in row.items() if k != "size"} for row in catalogue.appliances().values()]
    )


def _appliance(call: Call) -> object:
    given, node = call.params, call.node
    row = catalogue.appliances().get(given["template"])
    if row is None:
        raise invalid(template="no such template")
    storage = active(call, given["storage"])
    _may_hold(storage, "vztmpl", f"storage '{storage.name}' does not support templates")
    volid = f"{storage.name}:vztmpl/{given['template']}"
    remote = Remote(str(row["location"]), int(str(row["size"])), str(row["sha512sum"]))
    return call.start(
        "download", given["template"], lambda task: download(task, node, storage, volid, remote)
    )


def _metadata(call: Call) -> object:
    url = call.params["url"]
    remote = catalogue.remote(url)
    if remote.size is None:
        host = re.sub(r"^https?://([^/]*).*", r"\1", url)
        host = host if ":" in host else f"{host}:{remote.port}"
        raise invalid(url=f"invalid server response: '500 Can't connect to {host} (Connection refused)'")
    file = volnames.safe(url.partition("?")[0])
    return {"filename": file, "size": remote.size, "mimetype": catalogue.mimetype(file)}


def _tags(call: Call) -> object:
    reference = call.params["reference"]
    found = catalogue.tags(reference)
    if found is None:
        raise failed(f"command 'skopeo list-tags docker://{reference}' failed: exit code 1")
    return list(found)
