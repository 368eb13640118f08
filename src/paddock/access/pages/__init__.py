"""The pages of this slice: before the sign-in, one's own account, and the access of all."""

from fastapi import APIRouter

from paddock.access.pages import account, door, overview

router = APIRouter(include_in_schema=False)
for part in (door, account, overview):
    router.include_router(part.router)
