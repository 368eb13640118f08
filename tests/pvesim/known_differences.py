"""Where pvesim differs from the recordings on purpose or for now: (pattern, reason).

The pattern is searched in "section METHOD path | note | what differs".
"""

from __future__ import annotations

KNOWN: tuple[tuple[str, str], ...] = (
    (r"stop-migrate .*extra \['lock'\]", "whether stopping escalates, and the lock stays, is chance"),
    (r"kill-create .*tasks", "how soon the list notices that a task died with its node varies"),
    (r"kill-create .*resources.*'lxc/unknown'", "the picture was taken earlier or later in its ten seconds"),
    (r"stale-lock POST .*status/stop .*not running", "the start before it took less time there"),
    (r"acl-shadow .*resources", "the container had been made a moment before"),
    (r"lxc GET .*content .*extra \['subtype'\]", "a backup that had failed half-way has no type"),
    (r"race-same-vmid .*close \(rename\) atomic file", "which of two texts the loser gets is chance"),
    (r"race-freed .*Authentication failed!", "asked with an older secret of the same token"),
    (r"race-freed .*pve2/lxc", "how soon the vmid is free for another node is a matter of milliseconds"),
    (r"race-freed .*nextid", "whether the vmid is free already at that moment is chance"),
    (r"backup GET .*userfilter.*missing \['total'\]", "tasks of other sections were found"),
    (r"/api2/(html|htmljs|png|spiceconfig)/", "only the formats json and extjs are played"),
    (r"/favicon\.ico", "the recorded host lacked the file; pvesim has no web interface at all"),
    (r"perm GET .*/tasks \|.*missing \['pid'", "a task was running while this was recorded"),
    (
        r"cluster GET .*/tasks.*missing \['tokenid'",
        "who ran the tasks of the past is each estate's own story",
    ),
    (r"ceremony GET .*permissions.*missing \['/nodes/pve1'", "other experiments had entries on those paths"),
    (r"ceremony GET .*/lxc .*missing \['pid'", "a container of another experiment was running"),
)
