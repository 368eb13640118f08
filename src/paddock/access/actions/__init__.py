"""Short verbs: signing in and out, users, passwords, API tokens, sessions."""

from paddock.access.actions.links import LinkPurpose, choose_password, find_link, make_link, set_up
from paddock.access.actions.sign_in import end_session, sign_in, sign_out, start_session
from paddock.access.actions.tokens import create_token, revoke_token
from paddock.access.actions.users import (
    change_password,
    create_user,
    delete_user,
    edit_user,
    new_password_link,
)

__all__ = [
    "LinkPurpose",
    "change_password",
    "choose_password",
    "create_token",
    "create_user",
    "delete_user",
    "edit_user",
    "end_session",
    "find_link",
    "make_link",
    "new_password_link",
    "revoke_token",
    "set_up",
    "sign_in",
    "sign_out",
    "start_session",
]
