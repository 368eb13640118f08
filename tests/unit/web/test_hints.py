import pytest

from paddock.web.hints import advice


@pytest.mark.parametrize(
    ("hint", "text", "commands"),
    [
        ("", "", ()),
        ("Check the spelling.", "Check the spelling.", ()),
        (
            "Check the port (Proxmox VE: 8006) and on the node: systemctl status pveproxy",
            "Check the port (Proxmox VE: 8006) and on the node:",
            ("systemctl status pveproxy",),
        ),
        (
            "On the node: journalctl -u pveproxy. After a change of certificates: systemctl restart pveproxy",
            "On the node:. After a change of certificates:",
            ("journalctl -u pveproxy", "systemctl restart pveproxy"),
        ),
        (
            "On the node: pvecm updatecerts --force && systemctl restart pveproxy",
            "On the node:",
            ("pvecm updatecerts --force && systemctl restart pveproxy",),
        ),
        (
            "The node may be off. To look: nc -vz 10.20.0.11 8006",
            "The node may be off. To look:",
            ("nc -vz 10.20.0.11 8006",),
        ),
        (
            "Compare the fingerprint with “pvenode cert info” on the node.",
            "Compare the fingerprint with “pvenode cert info” on the node.",
            ("pvenode cert info",),
        ),
    ],
)
def test_commands_are_taken_out_of_hints(hint: str, text: str, commands: tuple[str, ...]) -> None:
    found = advice(hint)
    assert found.commands == commands
    assert found.text.replace(":.", ":") == text.replace(":.", ":")
