"""The causes from the sign-in on, and what to do about each. Pure."""

from __future__ import annotations

from paddock.clusters.examination import commands as run
from paddock.clusters.examination.remedy import TOO_MUCH, Remedy, nothing, service, several
from paddock.clusters.examination.steps import Key

INSIDE: dict[str, Remedy] = {
    # -- signing in
    "not_sent": Remedy(
        Key.SIGN_IN,
        "The certificate is not trusted, so the credential was kept back.",
        "Compare the fingerprint with the node's console, then give it.",
        run.trust,
    ),
    "backend_down": Remedy(
        Key.SIGN_IN,
        "The API's own daemon does not run; signing in needs it.",
        "Start it.",
        several(service("pvedaemon"), run.logs),
    ),
    "password_refused": Remedy(
        Key.SIGN_IN,
        "User name and password are not accepted.",
        "The password was changed, the user is disabled or expired, or the realm is another one (root@pam is not root@pve).",
        run.users,
    ),
    "token_refused": Remedy(
        Key.SIGN_IN,
        "The API token is not accepted. Proxmox VE 9.1.5 and newer do not say why.",
        "It is deleted, expired, its secret is another one, or its user is disabled: look which.",
        run.tokens,
    ),
    "token_unknown": Remedy(
        Key.SIGN_IN, "The API token was deleted.", "Make a new one and give it to Paddock.", run.tokens
    ),
    "token_expired": Remedy(
        Key.SIGN_IN, "The API token, or its user, has expired.", "Extend it, or make a new one.", run.tokens
    ),
    "token_secret_wrong": Remedy(
        Key.SIGN_IN,
        "The API token exists, but its secret is another one.",
        "Give Paddock the right one, or make a new token.",
        run.tokens,
    ),
    "user_disabled": Remedy(
        Key.SIGN_IN, "The user is disabled.", "Enable the user, or use another one.", run.users
    ),
    "user_unknown": Remedy(Key.SIGN_IN, "The user does not exist.", "Use another one.", run.users),
    "two_factor_required": Remedy(
        Key.SIGN_IN,
        "The account wants a second factor.",
        "Make an API token and use that: it needs no second factor. Here it gets a user of its own, so that the "
        "account stays as it is.",
        run.token_made,
    ),
    "ticket_refused": Remedy(
        Key.SIGN_IN,
        "A fresh ticket is not accepted: the members' clocks differ by more than five minutes.",
        "Compare the clocks of the nodes.",
        run.clocks,
    ),
    "sign_in_required": Remedy(
        Key.SIGN_IN, "It asks for a sign-in although one was sent.", TOO_MUCH, several(run.sign_in)
    ),
    # -- inside
    "old_version": Remedy(
        Key.VERSION,
        "It is older than what Paddock is made for.",
        "Upgrade Proxmox VE to 8 or newer.",
        lambda v: (run.on_node(v, "pveversion -v"),),
    ),
    "no_rights": Remedy(
        Key.RIGHTS,
        "It signs in and may see nothing. That is no wrong credential.",
        "Give it rights. With privilege separation a token needs entries of its own, and so does its user.",
        run.rights,
    ),
    "rights_missing": Remedy(
        Key.RIGHTS,
        "It signs in, but a privilege is missing.",
        "Give it the rights that are missing. An entry on a path below / replaces the inherited one, so the role is "
        "needed there too.",
        run.rights,
    ),
    "forbidden": Remedy(
        Key.RIGHTS, "It signs in, but may not ask this.", "Give it the right that is missing.", run.rights
    ),
    "name_mismatch": Remedy(
        Key.NAME,
        "The node name doesn't match what Proxmox VE calls it.",
        "Take the name that Proxmox VE uses; names are case-sensitive.",
        lambda v: (run.on_node(v, "hostname", "prints the name that Proxmox VE uses"),),
    ),
    "other_cluster": Remedy(
        Key.MEMBERSHIP,
        "Another cluster answers at this address than the one it was registered in.",
        "Look whose address it is; a node that was installed anew must be imported again.",
        run.cluster,
    ),
    "no_quorum": Remedy(
        Key.MEMBERSHIP,
        "The cluster has no quorum: it can be read, but Proxmox VE refuses every change.",
        "Bring enough members back.",
        run.cluster,
    ),
    "left_cluster": Remedy(
        Key.MEMBERSHIP,
        "The cluster no longer lists the node.",
        "If it was taken out on purpose, remove it from Paddock; otherwise let it join again.",
        several(lambda v: run.on_node(v, "pvecm nodes")),
    ),
    "joined_cluster": Remedy(
        Key.MEMBERSHIP,
        "The lone host has become a member of a cluster.",
        "Import that cluster.",
        run.cluster,
    ),
    "clock_skew": Remedy(
        Key.CLOCK,
        "The clocks of the node and of Paddock differ. From five minutes on tickets are refused.",
        "Let both follow a time server.",
        run.clocks,
    ),
    "storage_hangs": Remedy(
        Key.STORAGES,
        "A storage does not answer, often an NFS server that is gone; the node's figures stand still with it.",
        "Bring the storage back, or disable it.",
        several(run.storages, service("pvestatd")),
    ),
    "storage_inactive": Remedy(
        Key.STORAGES, "A storage is enabled, but not there.", "Look why it is not active.", run.storages
    ),
    "no_storage": Remedy(
        Key.STORAGES,
        "No storage takes containers' disks.",
        "Let a storage take them (content rootdir).",
        run.hold_containers,
    ),
    "storage_full": Remedy(
        Key.STORAGES,
        "All storages for containers' disks are full.",
        "Make room, or add a storage.",
        run.storages,
    ),
    # -- the others
    "others_silent": Remedy(Key.OTHERS, "No other member can be asked.", "Diagnose one of them.", nothing),
    "others_untrusted": Remedy(
        Key.OTHERS,
        "The other members show certificates that are not trusted.",
        "Diagnose one of them.",
        nothing,
    ),
    "seen_offline": Remedy(
        Key.OTHERS,
        "The other members see the node offline.",
        "Look at the cluster's own network.",
        run.cluster,
    ),
    "seen_unreached": Remedy(
        Key.OTHERS,
        "The other members see the node online, but do not reach its API either.",
        "Look at its API service.",
        service("pveproxy"),
    ),
    "other_certificate": Remedy(
        Key.OTHERS,
        "The other members report another certificate than the one that is shown here.",
        "If it was just renewed, wait a minute; otherwise compare with the node's console.",
        run.certificates,
    ),
}
