"""Rubbish and hostile answers.

The request is processed; what comes back is not what Proxmox VE says. Selected as lost answers are.
"""

from __future__ import annotations

import inspect
import itertools
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from pvesim.faults.registry import Target, fault, one_of
from pvesim.layers import Undo
from pvesim.meddling import meddle
from pvesim.trouble import Meddler, Selector
from pvesim.wire import HTML, Answer

if TYPE_CHECKING:
    from pvesim.model import Node

MARKUP = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
_NAMES = frozenset(
    ("name", "hostname", "description", "comment", "notes", "tags", "pool", "poolid", "email", "firstname",
     "lastname", "lock")
)  # fmt: skip
_MEGABYTE = 1024 * 1024


def _changed(data: object, text: Callable[[str], str]) -> object:
    """The same data with other texts where people read names."""
    if isinstance(data, dict):
        return {
            key: text(value) if key in _NAMES and isinstance(value, str) else _changed(value, text)
            for key, value in data.items()
        }
    return [_changed(each, text) for each in data] if isinstance(data, list) else data


def _renamed(answer: Answer, text: Callable[[str], str]) -> Answer:
    if answer.body is None or answer.type is None or not answer.type.startswith("application/json"):
        return answer
    whole = msgspec.json.decode(answer.body)
    return replace(answer, body=msgspec.json.encode(_changed(whole, text)))


def _markup(answer: Answer) -> Answer:
    """markup: names, descriptions and tags are HTML with scripts"""
    return _renamed(answer, lambda name: name + MARKUP)


def _control(answer: Answer) -> Answer:
    """control: … carry terminal escapes, line breaks, NUL and text direction marks"""
    return _renamed(answer, lambda name: f"\x1b]0;owned\x07\x1b[2J{name}\r\n\x00\u202e\ufeff\U0001f4a5")


def _long(answer: Answer) -> Answer:
    """long: … are 100,000 characters long"""
    return _renamed(answer, lambda name: (name or "x") * (100_000 // max(1, len(name)) + 1))


def _invalid_json(answer: Answer) -> Answer:
    """invalid-json: JSON that ends too early"""
    body = answer.body or b'{"data":null}'
    return replace(answer, body=body[: len(body) // 2] + b',"')


def _not_json(answer: Answer) -> Answer:
    """not-json: a web page, said to be JSON"""
    return replace(answer, body=b"<!DOCTYPE html>\n<html><body>It works.</body></html>\n")


def _mistyped(answer: Answer) -> Answer:
    """mistyped: the right body, said to be HTML"""
    return replace(answer, type=HTML)


def _empty(answer: Answer) -> Answer:
    """empty: no body at all"""
    return replace(answer, body=b"")


def _wrong_type(answer: Answer) -> Answer:
    """wrong-type: valid JSON of another shape: lists for objects, texts for numbers"""
    return replace(answer, body=b'{"data":[["yes",{"vmid":"many","status":7,"node":null}],3,"x"]}')


def _binary(answer: Answer) -> Answer:
    """binary: bytes that are no UTF-8"""
    return replace(answer, body=b'{"data":"' + bytes(range(128, 256)) + b'"}')


def _deep(answer: Answer) -> Answer:
    """deep: a list in a list in a list, 100,000 deep"""
    return replace(answer, body=b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def _numbers(answer: Answer) -> Answer:
    """numbers: every number is a hundred digits long, or below nothing"""
    if answer.body is None or answer.type is None or not answer.type.startswith("application/json"):
        return answer
    return replace(answer, body=re.sub(rb"(?<=[:\[,])-?[0-9][0-9.eE+-]*", _monstrous, answer.body))


def _monstrous(found: re.Match[bytes]) -> bytes:
    return (b"9" * 100, b"-" + b"9" * 100, b"1e308", b"-1e-308")[found.start() % 4]


def _doubled(answer: Answer) -> Answer:
    """doubled: every object has each of its keys twice, null the second time"""
    if answer.body is None or answer.type is None or not answer.type.startswith("application/json"):
        return answer

    def doubled(data: object) -> str:
        if isinstance(data, list):
            return f"[{','.join(map(doubled, data))}]"
        if not isinstance(data, dict):
            return msgspec.json.encode(data).decode()
        pairs = [(msgspec.json.encode(key).decode(), doubled(value)) for key, value in data.items()]
        return "{" + ",".join([*(f"{k}:{v}" for k, v in pairs), *(f"{k}:null" for k, _ in pairs)]) + "}"

    return replace(answer, body=f'{{"data":{doubled(msgspec.json.decode(answer.body)["data"])}}}'.encode())


def _many(answer: Answer) -> Answer:
    """many: lists have 20,000 rows more, of nodes, guests and storages that nobody has"""
    if answer.body is None or not answer.body.startswith(b'{"data":['):
        return answer
    rows = b",".join(
        b'{"type":"%s","id":"%s/x%d","name":"x%d","node":"x%d","storage":"x","vmid":%d,"iface":"x%d","status":"?"}'
        % (kind, kind, n, n, n % 5000, 500_000 + n, n)
        for n, kind in zip(
            range(20_000), itertools.cycle((b"node", b"lxc", b"qemu", b"storage")), strict=False
        )
    )
    whole = answer.body.rpartition(b"]")[0]
    return replace(answer, body=whole + (b"" if whole.endswith(b"[") else b",") + rows + b"]}")


def _huge(answer: Answer) -> Answer:
    """huge: valid JSON of 10 MB"""
    return replace(answer, body=b'{"data":"' + b"x" * (10 * _MEGABYTE) + b'"}')


def _header(answer: Answer) -> Answer:
    """header: a reason phrase of 9 kB and a header line of 1 MB"""
    return replace(answer, reason="x" * 9000, headers={**answer.headers, "X-Padding": "x" * _MEGABYTE})


def _headers(answer: Answer) -> Answer:
    """headers: 10,000 header lines"""
    return replace(answer, headers={**answer.headers, **{f"X-{n}": "x" for n in range(10_000)}})


def _endless(answer: Answer) -> Answer:
    """endless: a chunked body without end"""

    def deliver(data: bytes) -> Iterator[bytes | float | None]:
        yield (
            b"HTTP/1.1 200 OK\r\nServer: pve-api-daemon/3.0\r\nContent-Type: application/json;charset=UTF-8\r\n"
            b'Transfer-Encoding: chunked\r\n\r\nb\r\n{"data":[0,\r\n'
        )
        chunk = b"4000\r\n" + b"1,2,3,4," * 2048 + b"\r\n"
        while True:
            yield chunk
            yield 0.001

    return replace(answer, delivery=deliver)


def _bomb(answer: Answer) -> Answer:
    """bomb: 2 GB of blanks, packed to 2 MB"""

    def deliver(data: bytes) -> Iterator[bytes | float | None]:
        yield (
            b"HTTP/1.1 200 OK\r\nServer: pve-api-daemon/3.0\r\nContent-Type: application/json;charset=UTF-8\r\n"
            b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
        )
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        blanks = b" " * _MEGABYTE
        for _ in range(2048):
            if part := packer.compress(blanks):
                yield part
                yield 0.001
        yield packer.flush()

    return replace(answer, delivery=deliver)


_KINDS: Mapping[str, Callable[[Answer], Answer]] = {
    each.__name__.lstrip("_").replace("_", "-"): each
    for each in (
        _markup, _control, _long, _invalid_json, _not_json, _mistyped, _empty, _wrong_type, _binary, _deep,
        _numbers, _doubled, _many, _huge, _header, _headers, _endless, _bomb,
    )
}  # fmt: skip


class Rubbish(Meddler):
    """Another body, type or head."""

    def __init__(self, selector: Selector, how: str) -> None:
        super().__init__(selector)
        self.change = _KINDS[how]

    def after(self, node: Node, answer: Answer) -> Answer:
        return self.change(answer)

    def on_the_way_back(self, answer: Answer) -> Answer:
        return self.change(answer)


@fault("rubbish", scope="node or cluster", selects="answers")
def _rubbish(target: Target, selector: Selector, how: str = "invalid-json") -> Undo:
    one_of("rubbish", "how", how, *_KINDS)
    return meddle(target.nodes, Rubbish(selector, how))


_rubbish.__doc__ = "The answer is not what it should be, by `how`. {}.".format(
    "; ".join(inspect.getdoc(each) or "" for each in _KINDS.values())
)
