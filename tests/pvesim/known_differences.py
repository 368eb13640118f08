"""Where pvesim differs from the recordings on purpose or for now: (pattern, reason).

The pattern is searched in "section METHOD path | note | what differs".
"""

from __future__ import annotations

KNOWN: tuple[tuple[str, str], ...] = (
    (r"/api2/(html|htmljs|png|spiceconfig)/", "only the formats json and extjs are played"),
    (r"/favicon\.ico", "the recorded host lacked the file; pvesim has no web interface at all"),
    (r"perm GET .*/tasks \|.*missing \['pid'", "a task was running while this was recorded"),
    (r"lxc GET .*/content .*extra \['subtype'\]", "the recorded host could not back up: it had no sendmail"),
    (r"backup GET .*/tasks\?userfilter=.*missing \['total'\]", "operator@pve had done nothing here before"),
    (
        r"cluster GET .*/tasks.*missing \['tokenid'",
        "who ran the tasks of the past is each estate's own story",
    ),
    (r"ceremony GET .*permissions.*missing \['/nodes/pve1'", "other experiments had entries on those paths"),
    (r"ceremony GET .*/lxc .*missing \['pid'", "a container of another experiment was running"),
)
