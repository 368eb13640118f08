"""Every route of REST, asked with anything that OpenAPI allows and with what it does not: no crash, and answers as promised."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from paddock.access.rights import Role
from tests.app.persons import person
from tests.app.security.conftest import Crashes
from tests.app.test_rest_conventions import OWN
from tests.harness import Paddock

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")

PROMISES = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BOUNDS = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Fuzzer:
    """Asks one person's questions. Runs in a thread, since schemathesis waits for each answer."""

    def __init__(self, base: str, document: dict[str, Any], ids: dict[str, str], token: str = "") -> None:
        self._base = base
        self._ids = ids
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        self._schema = schemathesis.openapi.from_dict(document)
        self.answers: list[tuple[str, int, Any]] = []
        self.troubles: list[str] = []

    def run(self, examples: int) -> None:
        """Asks so many times for each operation and kind of data."""
        bounded = settings(BOUNDS, max_examples=examples)
        for found in self._schema.get_all_operations():
            operation = found.ok()
            self._ask(operation, bounded, GenerationMode.POSITIVE)
            if operation.body or operation.query:
                self._ask(operation, bounded, GenerationMode.NEGATIVE)

    def _ask(self, operation: Any, bounded: settings, mode: GenerationMode) -> None:
        @bounded
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            if mode is GenerationMode.POSITIVE and operation.method.upper() != "DELETE":
                case.path_parameters.update(
                    {name: self._ids[name] for name in case.path_parameters or () if name in self._ids}
                )
            answer = case.call(base_url=self._base, session=self._session, timeout=20)
            said = answer.json() if answer.content else {}
            self.answers.append((operation.label, answer.status_code, said))
            assert answer.status_code != 500, said
            assert answer.status_code < 500 or (answer.status_code in {502, 504} and said["code"]), said
            assert "Traceback" not in answer.text
            case.validate_response(answer, checks=PROMISES)

        try:
            ask()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            self.troubles.append(f"{operation.label}, {mode.value}: {error!r}"[:2000])


async def test_an_administrator_asks_anything(
    paddock: Paddock, ids: dict[str, str], document: dict[str, Any], no_way_out: None, crashes: Crashes
) -> None:
    fuzzer = Fuzzer(paddock.base, document, ids, paddock.token)
    await asyncio.to_thread(fuzzer.run, 5)
    assert fuzzer.troubles == []
    assert crashes() == []
    assert {status for _, status, _ in fuzzer.answers} >= {200, 201, 404, 422}


async def test_an_auditor_asks_anything_and_changes_nothing(
    paddock: Paddock, ids: dict[str, str], document: dict[str, Any], no_way_out: None, crashes: Crashes
) -> None:
    async with person(paddock, "c.huber", Role.AUDITOR) as auditor:
        token = auditor.session.headers["Authorization"].removeprefix("Bearer ")
        fuzzer = Fuzzer(paddock.base, document, ids, token)
        await asyncio.to_thread(fuzzer.run, 3)
    assert fuzzer.troubles == []
    assert crashes() == []
    own = {f"{method} /api/v1{path}" for method, path in OWN}
    done = {label for label, status, _ in fuzzer.answers if status < 400 and not label.startswith("GET ")}
    assert done <= own


async def test_a_stranger_asks_anything_and_is_told_nothing(
    paddock: Paddock, ids: dict[str, str], document: dict[str, Any], no_way_out: None, crashes: Crashes
) -> None:
    fuzzer = Fuzzer(paddock.base, document, ids)
    await asyncio.to_thread(fuzzer.run, 3)
    assert fuzzer.troubles == []
    assert crashes() == []
    # that a request is none at all (400, 422) is said before anybody is asked who they are
    assert {status for _, status, _ in fuzzer.answers} <= {400, 401, 422}
