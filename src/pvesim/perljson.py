"""What Perl's JSON module says of a body that it cannot read (JSON::XS `decode_json`), as pveproxy passes on."""

from __future__ import annotations

import re

_SHOWN = 20  # characters of what follows
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_BLANK = re.compile(r"[ \t\r\n]*")


class _Stuck(Exception):
    """Cannot be read on, with what is wrong and where."""


def complaint(text: str) -> str:
    """The message for a text that is not JSON, without file and line."""
    try:
        end = _value(text, _skip(text, 0))
        end = _skip(text, end)
        if end < len(text):
            _stuck("garbage after JSON object", text, end)
    except _Stuck as stuck:
        return str(stuck)
    return "malformed JSON string"


def _stuck(what: str, text: str, at: int) -> int:
    rest = text[at : at + _SHOWN]
    shown = f"{rest}..." if len(text) > at + _SHOWN else rest or "(end of string)"
    raise _Stuck(f'{what}, at character offset {at} (before "{shown}")')


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int) -> int:
    start = text[at : at + 1]
    if start == "{":
        return _members(text, at + 1, "}", "object/hash", named=True)
    if start == "[":
        return _members(text, at + 1, "]", "array", named=False)
    for form in (_STRING, _SCALAR):
        if found := form.match(text, at):
            return found.end()
    if start == '"':
        return _stuck("unexpected end of string while parsing JSON string", text, len(text))
    return _stuck("malformed JSON string, neither tag, array, object, number, string or atom", text, at)


def _members(text: str, at: int, end: str, kind: str, *, named: bool) -> int:
    at = _skip(text, at)
    if text[at : at + 1] == end:
        return at + 1
    while True:
        if named:
            at = _name(text, at)
        at = _skip(text, _value(text, _skip(text, at)))
        mark = text[at : at + 1]
        if mark == end:
            return at + 1
        if mark != ",":
            return _stuck(f", or {end} expected while parsing {kind}", text, at)
        at = _skip(text, at + 1)


def _name(text: str, at: int) -> int:
    found = _STRING.match(text, at)
    if found is None:
        return (
            _stuck("malformed or illegal unicode character in string", text, at)
            if text[at : at + 1] == '"'
            else (_stuck("unexpected end of string while parsing JSON string", text, at))
        )
    at = _skip(text, found.end())
    return at + 1 if text[at : at + 1] == ":" else _stuck("':' expected", text, at)
