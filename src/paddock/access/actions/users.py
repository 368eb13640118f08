"""Users and their passwords."""

from __future__ import annotations

from sqlalchemy import and_, delete, func, or_, select

from paddock.access import audit, guard, passwords
from paddock.access.actions.links import make_link
from paddock.access.doorkeeper import Doorkeeper, digest
from paddock.access.events import AccessChanged
from paddock.access.model import Session, User
from paddock.access.rights import Role
from paddock.access.schemas import PasswordChange, UserIn, UserPatch
from paddock.base.context import Context, Write
from paddock.base.errors import AlreadyExists, Detail, Invalid, NotFound, WrongState
from paddock.base.ids import new_id
from paddock.web import etags


async def create_user(ctx: Context, wish: UserIn) -> tuple[User, str | None]:
    """The user, and without a password the path where the person chooses one. Raises AlreadyExists, Invalid."""
    await guard.require(ctx, "access.edit", target=audit.Target("user", label=wish.name))
    hashed = ""
    if wish.password is not None:
        password = wish.password.get_secret_value()
        passwords.check(password, name=wish.name)
        hashed = await ctx.part(Doorkeeper).passwords.hash(password)
    async with ctx.write() as tx:
        taken = await tx.session.scalar(select(User.name).where(func.lower(User.name) == wish.name.lower()))
        if taken:
            message = f"There is a user {taken} already."
            raise AlreadyExists(message, details=[Detail("name", message)])
        user = User(
            id=new_id(),
            name=wish.name,
            display=wish.display,
            role=wish.role,
            password_hash=hashed,
            disabled=False,
            version=1,
            created_at=ctx.now(),
            signed_in_at=None,
        )
        tx.session.add(user)
        await tx.session.flush()
        link = None if hashed else await make_link(tx, ctx, user.id)
        audit.record(tx, ctx, "users.create", _target(user), detail={"role": user.role})
        tx.publish(AccessChanged())
    return user, link


async def edit_user(ctx: Context, user_id: str, wish: UserPatch, *, expected: int | None = None) -> User:
    """Raises NotFound, StaleVersion, or WrongState where the last administrator would be lost."""
    await guard.require(ctx, "access.edit", target=audit.Target("user", user_id))
    async with ctx.write() as tx:
        user, last = await _get_with_administrators(tx, user_id)
        etags.check(expected, user.version, what=f"User {user.name}")
        wanted = {
            name: value for name, value in wish.model_dump(exclude_unset=True).items() if value is not None
        }
        changed = {
            name: [getattr(user, name), value]
            for name, value in wanted.items()
            if getattr(user, name) != value
        }
        if not changed:
            return user
        if last and (wanted.get("disabled") or wanted.get("role", user.role) != Role.ADMINISTRATOR):
            raise _last_administrator(user)
        for name, value in wanted.items():
            setattr(user, name, value)
        user.version += 1
        if changed.keys() & {"role", "disabled"}:
            await tx.session.execute(delete(Session).where(Session.user_id == user.id))
        audit.record(tx, ctx, "users.edit", _target(user), detail=changed)
        tx.publish(AccessChanged())
    ctx.part(Doorkeeper).forget()
    return user


async def delete_user(ctx: Context, user_id: str, *, expected: int | None = None) -> None:
    """With all sessions and tokens; the audit keeps the name. Raises NotFound, WrongState."""
    await guard.require(ctx, "access.edit", target=audit.Target("user", user_id))
    async with ctx.write() as tx:
        user, last = await _get_with_administrators(tx, user_id)
        etags.check(expected, user.version, what=f"User {user.name}")
        if last:
            raise _last_administrator(user)
        if user.id == ctx.actor.user_id:
            raise WrongState("You cannot delete yourself.", hint="Another administrator can.", code="oneself")
        audit.record(tx, ctx, "users.delete", _target(user), detail={"role": user.role})
        await tx.session.delete(user)
        tx.publish(AccessChanged())
    ctx.part(Doorkeeper).forget()


async def new_password_link(ctx: Context, user_id: str) -> str:
    """A path where the person chooses a new password, once, within 24 hours.

    The old password, sessions and API tokens work until then; disable the user to end them now.
    """
    await guard.require(ctx, "access.edit", target=audit.Target("user", user_id))
    async with ctx.write() as tx:
        user = await _get(tx, user_id)
        link = await make_link(tx, ctx, user.id)
        audit.record(tx, ctx, "users.password_link", _target(user))
    return link


async def change_password(ctx: Context, wish: PasswordChange, *, cookie: str) -> None:
    """One's own password; all other sessions end, API tokens stay. Raises Invalid beside the field, Denied for tokens."""
    await guard.require(ctx, "account.own")
    keeper, new = ctx.part(Doorkeeper), wish.new_password.get_secret_value()
    async with ctx.read() as db:
        user = await db.get(User, ctx.actor.user_id)
    if user is None or not cookie:
        raise WrongState("Only a signed-in person can change the password.")
    if (wait := keeper.password_changes.wait(user.id, ctx.now())) > 0:
        raise Invalid.field("current_password", f"Too many attempts. Wait {round(wait) + 1} s.")
    keeper.password_changes.begin(user.id, ctx.now())
    if not await keeper.passwords.verify(user.password_hash, wish.current_password.get_secret_value()):
        await audit.record_alone(
            ctx, "account.change_password", _target(user), outcome="refused", code="wrong"
        )
        raise Invalid.field("current_password", "This is not your current password.")
    keeper.password_changes.succeeded(user.id)
    passwords.check(new, name=user.name, field="new_password")
    hashed = await keeper.passwords.hash(new)
    async with ctx.write() as tx:
        now_stored = await _get(tx, user.id)
        now_stored.password_hash = hashed
        await tx.session.execute(
            delete(Session).where(Session.user_id == user.id, Session.id != digest(cookie))
        )
        audit.record(tx, ctx, "account.change_password", _target(user))
        tx.publish(AccessChanged())
    keeper.forget()


async def _get(tx: Write, user_id: str) -> User:
    user = await tx.session.get(User, user_id)
    if user is None:
        raise _no_user(user_id)
    return user


async def _get_with_administrators(tx: Write, user_id: str) -> tuple[User, bool]:
    """The user, and whether it is the last administrator who can sign in. Raises NotFound.

    Locks the user and all administrators, always in the order of their ids: two administrators who take the
    role from each other at once come one after the other, and neither waits for the other in a circle.
    """
    active = and_(User.role == Role.ADMINISTRATOR, User.disabled.is_(False))
    query = select(User).where(or_(User.id == user_id, active)).order_by(User.id).with_for_update()
    found = (await tx.session.scalars(query)).all()
    user = next((one for one in found if one.id == user_id), None)
    if user is None:
        raise _no_user(user_id)
    administrators = [one.id for one in found if one.role == Role.ADMINISTRATOR and not one.disabled]
    return user, administrators == [user.id]


def _no_user(user_id: str) -> NotFound:
    return NotFound(f"There is no user {user_id}.", hint="The user may have been deleted.")


def _last_administrator(user: User) -> WrongState:
    return WrongState(
        f"{user.name} is the last administrator.",
        code="last_administrator",
        hint="Make somebody else an administrator first.",
    )


def _target(user: User) -> audit.Target:
    return audit.Target("user", user.id, user.name)
