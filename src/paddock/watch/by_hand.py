"""Whether the node behind a URL is new: registered already, elsewhere, or reinstalled under an old name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from paddock.base.errors import AlreadyExists, Detail, Invalid
from paddock.clusters.membership import Comparison
from paddock.nodes.queries import NodeView
from paddock.proxmox.address import Endpoint
from paddock.watch.review import TRUST_WORDS, MemberReview, Review


def check(
    member: MemberReview,
    review: Review,
    same: Sequence[NodeView],
    endpoint: Endpoint,
    managed: Iterable[NodeView],
) -> None:
    """Raises AlreadyExists with a code for each case.

    already_exists, registered_elsewhere, cluster_elsewhere, reinstalled, address_taken. `same` are the managed nodes
    of its name in its own cluster, `managed` those of all clusters.
    """
    if member.comparison is Comparison.ELSEWHERE and same:
        raise _refused(
            "registered_elsewhere",
            f"{member.name} is registered already, in site {same[0].site}.",
            f"A node stands in one site. Change it on its page, or look at it: paddock nodes show {member.name}",
        )
    if member.comparison is Comparison.ELSEWHERE:
        raise _refused(
            "cluster_elsewhere",
            f"{member.name} is a member of {review.known_as}. {member.writes}.",
            "A cluster stands in one site: choose that one.",
            field="site_id",
        )
    if member.comparison in (Comparison.KNOWN, Comparison.CHANGED):
        raise _refused(
            "already_exists",
            f"{member.name} is registered already.",
            "Change its address, URL or site on its page.",
        )
    for node in managed:
        if not _reached_at(node, member, endpoint):
            continue
        if node.name == member.name:
            raise _refused(
                "reinstalled",
                f"{member.name} at {node.url} is registered already, but with another CA, in {node.cluster}: "
                "it was reinstalled, has joined another cluster, or another machine has its address.",
                f"If that was you, remove the old {member.name} on its page first, and create it then. "
                "If not, find out which machine answers. On the node: pvenode cert info",
            )
        raise _refused(
            "address_taken",
            f"{node.url} is the address of {node.name} of {node.cluster} already, and {member.name} answers there.",
            f"Give {node.name} its new address on its page, or remove it, first.",
            field="url",
        )


def check_trust(chosen: str, cluster: str, trust: str) -> None:
    """A single node cannot change whom Paddock believes for all members. Raises Invalid for the field `trust`."""
    if chosen != trust:
        raise Invalid.field(
            "trust",
            f"{cluster} is managed already, and trusted by {TRUST_WORDS[trust]}: a single node cannot change that.",
            code="trust_differs",
            hint="Choose the same here. To change it for all members, use the cluster's page.",
        )


def notes(review: Review, *, shared: bool) -> tuple[str, ...]:
    """What a review of a managed cluster's node says besides: whose sign-in it gets."""
    if shared:
        return review.notes
    own = (
        f"{review.via} gets a sign-in of its own, {review.credential_name}. "
        f"{review.known_as} and its other members keep theirs."
    )
    return (own, *review.notes)


def _reached_at(node: NodeView, member: MemberReview, endpoint: Endpoint) -> bool:
    own = Endpoint(member.address, endpoint.port)
    return node.url in {endpoint.url, own.url} or (
        node.address == member.address and node.url.endswith(f":{endpoint.port}")
    )


def _refused(code: str, message: str, hint: str, *, field: str = "name") -> AlreadyExists:
    return AlreadyExists(message, code=code, hint=hint, details=[Detail(field, message)])
