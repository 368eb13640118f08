import json
import shlex

from paddock.web.apidocs import marked, reference

DOCUMENT = {
    "paths": {
        "/api/v1/things/{thing_id}": {
            "patch": {
                "tags": ["things"],
                "summary": "Edit Thing",
                "description": "Changes `name`; <b>nothing</b> else.",
                "parameters": [
                    {"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "size", "in": "query", "schema": {"type": "integer", "default": 50}},
                ],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ThingIn"}}}
                },
                "responses": {"200": {"description": "OK", "content": {}}, "422": {"description": "No"}},
            }
        }
    },
    "components": {
        "schemas": {
            "ThingIn": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "examples": ["it's"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                    "parent": {"anyOf": [{"$ref": "#/components/schemas/ThingIn"}, {"type": "null"}]},
                },
            },
            "Part": {"type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}},
        }
    },
}


def test_an_operation_is_read_with_its_nested_fields_and_never_for_ever() -> None:
    (one,) = reference(DOCUMENT).groups["things"]
    fields = {field.name: field for field in one.body}
    assert fields["name"].required
    assert fields["parts"].type == "list of object"
    assert fields["parts[].at"].type == "time"
    assert "parent.name" in fields
    assert [answer.status for answer in one.answers] == ["200"]
    assert [field.where for field in one.parameters] == ["path", "query"]
    assert "Default <code>50</code>" in str(one.parameters[1].text)


def test_the_command_can_be_pasted() -> None:
    (one,) = reference(DOCUMENT).groups["things"]
    words = shlex.split(one.curl("https://paddock.example").replace("\\\n", ""))
    assert words[-1] == "https://paddock.example/api/v1/things/THING_ID"
    assert json.loads(words[words.index("-d") + 1]) == {"name": "it's"}
    assert words[words.index("-X") + 1] == "PATCH"


def test_descriptions_are_escaped() -> None:
    assert str(marked("`a<b` & <i>")) == "<code>a&lt;b</code> &amp; &lt;i&gt;"


def test_the_filter_looks_at_path_method_and_words() -> None:
    found = reference(DOCUMENT)
    assert list(found.matching("PATCH")) == ["things"]
    assert list(found.matching("thing_id")) == ["things"]
    assert found.matching("elsewhere") == {}
