"""How a command fails: one exception, and the exit codes that scripts may rely on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from http import HTTPStatus
from typing import Any

from paddock.base.errors import Detail


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    WRONG_USE = 2
    DENIED = 3
    NOT_FOUND = 4
    UNREACHABLE = 5


MEANINGS = {
    Exit.OK: "done",
    Exit.FAILED: "Paddock or Proxmox VE said no",
    Exit.WRONG_USE: "wrong use, or a name that fits several things",
    Exit.DENIED: "not signed in, or not allowed",
    Exit.NOT_FOUND: "no such thing",
    Exit.UNREACHABLE: "Paddock cannot be reached",
}


class Failed(Exception):
    """A command cannot do what was asked. `problem` is the whole as RFC 9457 has it, for `--json`."""

    def __init__(
        self,
        message: str,
        *,
        exit_code: Exit = Exit.FAILED,
        code: str = "failed",
        hint: str | None = None,
        details: Sequence[Detail] = (),
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.code = code
        self.hint = hint
        self.details = tuple(details)
        self._problem = problem

    @property
    def problem(self) -> dict[str, Any]:
        if self._problem is not None:
            return dict(self._problem)
        problem: dict[str, Any] = {"title": self.message, "code": self.code}
        if self.hint:
            problem["hint"] = self.hint
        if self.details:
            problem["errors"] = [{"field": d.field, "message": d.message} for d in self.details]
        return problem

    @property
    def objections(self) -> tuple[str, ...]:
        """What stands in the way, or what a name may have meant."""
        named = self.problem.get("objections") or self.problem.get("candidates")
        return tuple(str(each) for each in named) if isinstance(named, list) else ()


def wrong_use(message: str, *, hint: str | None = None, candidates: Sequence[str] = ()) -> Failed:
    problem: dict[str, Any] = {"title": message, "code": "ambiguous" if candidates else "wrong_use"}
    if hint:
        problem["hint"] = hint
    if candidates:
        problem["candidates"] = list(candidates)
    return Failed(message, exit_code=Exit.WRONG_USE, code=problem["code"], hint=hint, problem=problem)


def not_paddock(url: str, seen: str) -> Failed:
    return Failed(
        f"This is not Paddock: {url} answered with {seen}.",
        exit_code=Exit.UNREACHABLE,
        code="not_paddock",
        hint="Check the address. It is the one under which the browser shows Paddock, without /api.",
    )


def from_problem(status: int, problem: Mapping[str, Any]) -> Failed:
    """The server's own refusal, in its own words."""
    message = problem.get("detail") or problem.get("title")
    hint = problem.get("hint")
    if status == HTTPStatus.UNAUTHORIZED and not hint:
        hint = "Sign in with: paddock login URL"
    return Failed(
        message if isinstance(message, str) else f"Paddock answered with status {status}.",
        exit_code=_EXITS.get(status, Exit.FAILED),
        code=str(problem.get("code") or "failed"),
        hint=hint if isinstance(hint, str) else None,
        details=_details(problem.get("errors")),
        problem=problem,
    )


_EXITS: dict[int, Exit] = {
    HTTPStatus.UNAUTHORIZED: Exit.DENIED,
    HTTPStatus.FORBIDDEN: Exit.DENIED,
    HTTPStatus.NOT_FOUND: Exit.NOT_FOUND,
}


def _details(errors: Any) -> list[Detail]:
    if not isinstance(errors, list):
        return []
    return [
        Detail(str(error.get("field") or ""), str(error.get("message") or ""))
        for error in errors
        if isinstance(error, dict)
    ]
