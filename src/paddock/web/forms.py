"""HTML forms: bound to a schema, with errors beside the fields and nothing typed lost.

form = await Form.read(request)
if (wish := form.bind(SiteIn)) is not None:
    try:
        site = await actions.create_site(ctx, wish)
        return redirect(request, f"/sites/{site.id}")
    except (Invalid, Prerequisite) as error:
        form.fail(error)
return await page(request, "sites/edit.html", status=422, form=form)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from paddock.base.errors import Invalid, PaddockError
from paddock.web import csrf, validation

M = TypeVar("M", bound=BaseModel)

SECRETS = frozenset({"password", "secret", "new_password", "current_password", "repeat", "token_secret"})


class Form:
    """What was typed, and what is wrong with it. Fields named in `SECRETS` are never given back."""

    def __init__(self, values: Mapping[str, list[str]] | None = None) -> None:
        self._values = dict(values or {})
        self.errors: dict[str, str] = {}
        self.message: str = ""
        """What is wrong with the whole, for the summary at the top."""
        self.hint: str = ""

    @classmethod
    async def read(cls, request: Request) -> Form:
        """Raises Invalid for NUL characters, which no database stores and a charset could smuggle in."""
        values: dict[str, list[str]] = {}
        async with request.form(max_files=0, max_fields=2000) as form:
            for name, value in form.multi_items():
                if isinstance(value, str) and name != csrf.FIELD:
                    if "\0" in name or "\0" in value:
                        raise Invalid("NUL characters cannot be stored.")
                    values.setdefault(name, []).append(value)
        return cls(values)

    @classmethod
    def of(cls, **values: Any) -> Form:
        """A form filled with what is there; lists become several values, None becomes empty."""
        return cls(
            {
                name: [str(item) for item in value]
                if isinstance(value, list | tuple)
                else ["" if value is None else str(value)]
                for name, value in values.items()
            }
        )

    def value(self, name: str, default: str = "") -> str:
        """For templates: what was typed, empty for secrets."""
        return "" if name in SECRETS else self.raw(name, default)

    def raw(self, name: str, default: str = "") -> str:
        """What was typed, secrets included; not for templates."""
        found = self._values.get(name)
        return found[-1] if found else default

    def values(self, name: str) -> list[str]:
        """All values of a field that may come several times, for example ticked rows."""
        return list(self._values.get(name, ()))

    def has(self, name: str) -> bool:
        """Whether a check box is ticked (absent or empty means no)."""
        return bool(self.raw(name))

    def error(self, name: str) -> str:
        return self.errors.get(name, "")

    @property
    def failed(self) -> bool:
        return bool(self.errors or self.message)

    def bind(
        self, schema: type[M], *, lists: Iterable[str] = (), empty_is_none: Iterable[str] = (), **more: Any
    ) -> M | None:
        """The schema filled from the form, or None with `errors` set. `lists` are fields with several values; an empty
        field of `empty_is_none` counts as not given.

        Text is taken without blanks at its ends, except in secrets.
        """
        several, optional = frozenset(lists), frozenset(empty_is_none)
        given: dict[str, Any] = {}
        for name, info in schema.model_fields.items():
            key = info.alias or name
            if key in several:
                given[key] = self.values(key)
            elif key in optional and not self.raw(key):
                given[key] = None
            elif key in self._values:
                given[key] = self.raw(key) if key in SECRETS else self.raw(key).strip()
            elif info.annotation is bool:
                given[key] = False
        try:
            return schema.model_validate({**given, **more})
        except ValidationError as error:
            for detail in validation.details(error.errors()):
                self.errors.setdefault(detail.field.split(".")[0], detail.message)
            self.message = "Please look at the marked fields."
            return None

    def fail(self, error: PaddockError) -> None:
        """Takes over what an action found: field faults beside their fields, the rest at the top."""
        for detail in error.details:
            if detail.field:
                self.errors.setdefault(detail.field.split(".")[0], detail.message)
        self.message = error.message
        self.hint = error.hint or ""
