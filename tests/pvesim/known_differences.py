"""Where pvesim differs from the recordings on purpose or for now: (pattern, reason).

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
