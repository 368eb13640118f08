"""The other members' view of a node: whether they see it, where, with which certificate, and whether they reach it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from ipaddress import ip_address

from paddock.base.errors import Upstream
from paddock.clusters.examination.judging import judge_others
from paddock.clusters.examination.looking import Look
from paddock.clusters.examination.steps import Key, Outcome, Step
from paddock.proxmox import reads
from paddock.proxmox.address import is_forbidden
from paddock.proxmox.connection import Connection
from paddock.proxmox.errors import NodeUnreachable, TimedOut, Unreachable, Untrusted
from paddock.proxmox.request import path_of
from paddock.proxmox.shapes import Node, StatusRow


@dataclass(frozen=True, slots=True)
class PeersView:
    """What they answer; `reached` None: nobody could be asked for it."""

    status: tuple[StatusRow, ...]
    rows: tuple[Node, ...]
    reached: bool | None
    elsewhere: str = ""
    """Another address that they report, at which its port answers Paddock."""


async def ask(look: Look) -> PeersView | Step:
    """Runs beside the way to the node, since it needs nothing of it."""
    subject = look.subject
    peers = subject.peers
    if subject.lone:
        return Step(Key.OTHERS, Outcome.SKIPPED, "It is a lone host")
    if peers is None or not subject.peer_names:
        return Step(Key.OTHERS, Outcome.SKIPPED, "No other member is known")
    via = _best(peers, subject.peer_names)
    try:
        async with asyncio.timeout(look.patience.answer):
            status, rows = await asyncio.gather(reads.cluster_status(peers, node=via), reads.nodes(peers))
            if any(row.local and row.name == subject.node for row in status.items):
                return _silent("they do not answer", "others_silent")
            reached, elsewhere = await asyncio.gather(
                _reached(peers, subject.node, via, look.patience.answer * 0.6), _elsewhere(look, status.items)
            )
    except Untrusted as error:
        return _silent(error.message, "others_untrusted")
    except Upstream as error:
        return _silent(error.message, "others_silent")
    except TimeoutError:
        return _silent("they do not answer in time", "others_silent")
    return PeersView(tuple(status.items), tuple(rows.items), reached, elsewhere)


def judged(look: Look, view: PeersView | Step) -> Step:
    if isinstance(view, Step):
        return view
    shown = look.leaf.sha256 if look.leaf else ""
    return judge_others(
        look.subject.node,
        view.status,
        view.rows,
        shown=shown,
        reached=view.reached,
        host=look.subject.endpoint.host,
        elsewhere=view.elsewhere,
    )


def _silent(why: str, code: str) -> Step:
    text = f"No other member can be asked: {why.rstrip('.')}."
    return Step(Key.OTHERS, Outcome.WARNED, text, code)


def _best(peers: Connection, names: tuple[str, ...]) -> str:
    """One that answered last time, where there is one."""
    well = {state.member.name for state in peers.member_states() if state.ok and not state.resting}
    return next((name for name in names if name in well), names[0])


async def _reached(peers: Connection, node: str, via: str, seconds: float) -> bool | None:
    """Whether that member reaches the node's API. Cut off rather than timed out: that is not the member's fault."""
    try:
        async with asyncio.timeout(seconds):
            await peers.get(path_of("nodes", node, "version"), node=via)
    except TimeoutError:
        return False
    except (NodeUnreachable, Unreachable, TimedOut):
        return False
    except Upstream:
        return None
    return True


async def _elsewhere(look: Look, status: list[StatusRow]) -> str:
    """The address that the cluster reports, where it is another one and its port answers."""
    endpoint = look.subject.endpoint
    row = next((row for row in status if row.type == "node" and row.name == look.subject.node), None)
    if row is None or not row.ip or row.ip == endpoint.host or row.ip in look.addresses:
        return ""
    with contextlib.suppress(ValueError, OSError):
        if is_forbidden(str(ip_address(row.ip))):
            return ""
        async with asyncio.timeout(look.patience.connect * 0.4):
            _, writer = await asyncio.open_connection(row.ip, endpoint.port)
        writer.transport.abort()
        return row.ip
    return ""
