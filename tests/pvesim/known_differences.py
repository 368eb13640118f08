"""Where pvesim differs from the recordings on purpose or for now, and where the recorded host itself was
unlike any that is in use: (pattern, reason).

The pattern is searched in "section METHOD path | note | what differs".
"""

from __future__ import annotations

KNOWN: tuple[tuple[str, str], ...] = (
    (r"acl-shadow .*resources", "the container had been made a moment before"),
    (r"backup GET .*userfilter.*missing \['total'\]", "tasks of other sections were found"),
    (r"acl-shadow GET .*resources.*extra \['pool'\]", "why a row did not name its pool there is unknown"),
    (r"/api2/(html|htmljs|png|spiceconfig)/", "only the formats json and extjs are played"),
    (r"/favicon\.ico", "the recorded host lacked the file; pvesim has no web interface at all"),
)

#: What the recorded host lacked. Status, reason, shape and types have to agree all the same.
LACKING: tuple[tuple[str, str], ...] = (
    (r"/disks/list .*: no rows, ours rows$", "it was a container, and saw no disks"),
    (r"/aplinfo .*: no rows, ours rows$", "it had never fetched the index of appliances"),
    (
        r"task log start=1 limit=1.*: rows, ours no rows$",
        "a start task's log began with a line that is not genuine",
    ),
)
