"""Hints as people read them: sentences, and the commands in them apart, so that each can be copied. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOOLS = (
    "systemctl|journalctl|timedatectl|pvenode|pvecm|pveum|pveversion|pvesh|getent|ping|nc|ssh|openssl|curl|ip|"
    "dig|paddock"
)
_COMMAND = re.compile(
    rf":\s+(?P<plain>(?:{_TOOLS})\b.*?)(?=\.\s+[A-Z]|\.?$)|“(?P<quoted>(?:{_TOOLS})\s[^”]+)”"
)


@dataclass(frozen=True, slots=True)
class Advice:
    """A hint: its sentence, and the commands that it names, in their order."""

    text: str
    commands: tuple[str, ...] = ()


def advice(hint: str | None) -> Advice:
    """Takes the commands at the ends of sentences (`On the node: systemctl status pveproxy`) out of a hint.

    A quoted command stays in its sentence and is given besides.
    """
    if not hint:
        return Advice("")
    commands: list[str] = []

    def taken(match: re.Match[str]) -> str:
        command = match["plain"] or match["quoted"]
        if command not in commands:
            commands.append(command.strip())
        return ":" if match["plain"] else match[0]

    text = _COMMAND.sub(taken, hint.strip())
    return Advice(text.replace(":.", ":"), tuple(commands))
