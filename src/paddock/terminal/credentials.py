"""The options of commands that sign in to Proxmox VE, and the credential that they make, as it goes over the wire."""

from __future__ import annotations

from typing import Annotated

import typer

from paddock.terminal import asking
from paddock.terminal.failures import wrong_use

User = Annotated[str, typer.Option("--user", metavar="USER@REALM", help="Who signs in to Proxmox VE.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin instead of asking.")
]
TokenId = Annotated[
    str | None,
    typer.Option(
        "--token-id", metavar="USER@REALM!NAME", help="Sign in with an API token of Proxmox VE instead."
    ),
]
TokenSecretStdin = Annotated[
    bool, typer.Option("--token-secret-stdin", help="Read the token's secret from stdin instead of asking.")
]


def credential(
    user: str, token_id: str | None = None, *, password_stdin: bool = False, token_secret_stdin: bool = False
) -> dict[str, str]:
    """The token's where one is named, else the user's. Asks for the secret; it is never an argument."""
    if token_id is not None:
        if password_stdin:
            raise wrong_use("--password-stdin does not go with --token-id: use --token-secret-stdin.")
        secret = asking.secret(
            f"Secret of {token_id}",
            from_stdin=token_secret_stdin,
            option="--token-secret-stdin",
            variable="PADDOCK_PVE_TOKEN_SECRET",
        )
        return {"token_id": token_id, "token_secret": secret}
    if token_secret_stdin:
        raise wrong_use("--token-secret-stdin needs --token-id.")
    secret = asking.secret(
        f"Password of {user}",
        from_stdin=password_stdin,
        option="--password-stdin",
        variable="PADDOCK_PVE_PASSWORD",
    )
    return {"username": user, "password": secret}
