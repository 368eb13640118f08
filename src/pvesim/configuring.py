"""What can be put into a container's configuration, and in which form it reads back.

Source: pve-container `LXC/Config.pm`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping

from pvesim.errors import invalid
from pvesim.formats import words
from pvesim.guestconfig import Conf, parameters, put_together, sorted_tags, taken_apart, typed
from pvesim.verify import find


def apply(conf: Conf, wanted: Mapping[str, str], vmid: int, chance: random.Random) -> None:
    """Put values into a configuration, each in the form in which it reads back."""
    for key, value in wanted.items():
        if value == "":
            conf.pop(key, None)
        elif key == "description":
            conf[key] = value if value.endswith("\n") else f"{value}\n"
        elif key == "tags":
            conf[key] = sorted_tags(words(value))
        elif re.fullmatch(r"net\d+", key):
            card = taken_apart(key, value)
            card.setdefault("hwaddr", _hardware_address(chance))
            card["hwaddr"] = card["hwaddr"].upper()
            conf[key] = put_together(key, {"type": "veth", **card})
        else:
            conf[key] = typed(key, value)


def _hardware_address(chance: random.Random) -> str:
    return "BC:24:11:" + ":".join(f"{chance.randrange(256):02X}" for _ in range(3))


def check_names(wanted: Mapping[str, str], delete: Iterable[str]) -> None:
    """Raises 400 or 500 for options that cannot be set or taken away."""
    for key in delete:
        if find(parameters(), key) is None or key in ("node", "vmid", "ostemplate"):
            raise invalid(delete=f"unknown option '{key}'")
        if key in wanted:
            raise invalid(delete=f"you can't use '-{key}' and -delete {key}' at the same time")
