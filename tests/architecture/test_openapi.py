"""What REST promises, as a file: a change of it is a decision, not an accident.

After a wanted change: `PADDOCK_UPDATE_SNAPSHOT=1 python -m pytest tests/architecture/test_openapi.py`
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from paddock.app import create_app
from paddock.settings import Settings

SNAPSHOT = Path(__file__).with_name("openapi.json")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("openapi"))).openapi()


def test_the_promise_has_not_changed_unnoticed(spec: dict[str, Any]) -> None:
    found = json.dumps({**spec, "info": {**spec["info"], "version": "-"}}, indent=1, sort_keys=True) + "\n"
    if os.environ.get("PADDOCK_UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(found)
    known = json.loads(SNAPSHOT.read_text())
    now = json.loads(found)
    assert sorted(now["paths"]) == sorted(known["paths"])
    for path, operations in now["paths"].items():
        assert operations == known["paths"][path], f"{path} changed: see the head of this file"
    assert now == known


def test_it_is_openapi_3_1(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1.")


def test_nothing_in_it_points_to_a_third_party(spec: dict[str, Any]) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", json.dumps(spec)))
    assert not [
        one for one in addresses if not re.match(r"https?://[\w.-]*(example\.(org|net|com)|192\.0\.2)", one)
    ]


def test_every_operation_says_what_it_is_and_answers_with_a_shape(spec: dict[str, Any]) -> None:
    names = []
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert operation.get("summary"), f"{method} {path}"
            assert operation.get("tags"), f"{method} {path}"
            good = [status for status in operation["responses"] if status.startswith("2")]
            assert len(good) == 1, f"{method} {path}"
            if good != ["204"]:
                content = operation["responses"][good[0]]["content"]["application/json"]["schema"]
                assert content, f"{method} {path} answers with any shape"
    assert len(names) == len(set(names))


def test_secrets_are_written_and_never_read(spec: dict[str, Any]) -> None:
    """A reply has no field for a secret, but for the one that shows a new API token once."""
    for name, schema in spec["components"]["schemas"].items():
        if name.endswith("Out") or name.startswith("PageOut"):
            assert not {
                "password",
                "token_secret",
                "secret",
                "password_hash",
                "sealed",
                "credential_sealed",
            } & set(schema.get("properties", {})), name
