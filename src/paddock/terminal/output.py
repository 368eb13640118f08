"""What a command prints: tables for people, aligned text for pipes, JSON for programs; errors on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paddock.base.errors import Detail
from paddock.terminal.failures import Failed
from paddock.terminal.words import Cell, Word, counted, plain

Item = Mapping[str, Any]
_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list. Where the terminal is narrow, columns with the highest `spare` are left out first."""

    title: str
    cell: Callable[[Item], Cell]
    right: bool = False
    spare: int = 0


class Output:
    """Prints to stdout and stderr as they are now, so that it can be made late and often."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.console = Console(highlight=False)
        self._errors = Console(stderr=True, highlight=False)

    @property
    def live(self) -> bool:
        """Whether somebody looks on: progress bars and colours make sense."""
        return self.console.is_terminal and not self.console.is_dumb_terminal and not self.as_json

    def data(self, document: Any) -> None:
        """The API's JSON, unchanged in content."""
        sys.stdout.write(as_json(document) + "\n")

    def line(self, *cells: Cell) -> None:
        """One line of the answer itself."""
        gap = " " if self.console.is_terminal else " " * _GAP
        self.console.print(Text(gap).join(_text(cell, self.console) for cell in cells), soft_wrap=True)

    def note(self, sentence: str) -> None:
        """A remark beside the answer: on stderr, silenced by --quiet and --json."""
        if not self.quiet and not self.as_json:
            self.tell(sentence)

    def tell(self, sentence: str) -> None:
        """What a person must read in any case: on stderr, never silenced."""
        self._errors.print(Text(_safe(sentence)), soft_wrap=True)

    def warn(self, sentence: str) -> None:
        self._sentence(Word("Warning:", "!", "dark_orange"), sentence)

    def table(self, columns: Sequence[Column], items: Sequence[Item], *, stderr: bool = False) -> None:
        console = self._errors if stderr else self.console
        rows = [[column.cell(item) for column in columns] for item in items]
        if not console.is_terminal:
            for line in aligned([[c.title.upper() for c in columns], *rows], [c.right for c in columns]):
                console.file.write(line + "\n")
            return
        shown = fitting(columns, rows, console.width, icons=_icons(console))
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, header_style="bold")
        for index in shown:
            table.add_column(columns[index].title, justify="right" if columns[index].right else "left")
        for row in rows:
            table.add_row(*(_text(row[index], console) for index in shown))
        console.print(table)
        if len(shown) < len(columns):
            left_out = [c.title for i, c in enumerate(columns) if i not in shown]
            console.print(Text(f"Left out for want of width: {', '.join(left_out)}", style="bright_black"))

    def facts(self, pairs: Iterable[tuple[str, Cell]], *, stderr: bool = False) -> None:
        """The properties of one thing, a line each."""
        console = self._errors if stderr else self.console
        pairs = list(pairs)
        width = max((cell_len(name) for name, _ in pairs), default=0) + _GAP
        for name, cell in pairs:
            label = Text(name.ljust(width), style="bold")
            console.print(label + _text(cell, console), soft_wrap=True)

    def count(self, page: Item, shown: int, one: str, many: str | None = None) -> None:
        """How many there are, below a list on a terminal."""
        if not self.live or self.quiet:
            return
        total = page.get("total")
        text = counted(shown, one, many)
        if isinstance(total, int) and total > shown:
            text = f"{shown} of {counted(total, one, many)}"
        self.console.print(Text(text, style="bright_black"))

    def failure(self, failed: Failed) -> None:
        """The refusal on stderr: a sentence, the fields, what to do next; problem+json with --json."""
        if self.as_json:
            sys.stderr.write(as_json(failed.problem) + "\n")
            return
        self._sentence(Word("Error:", "✗", "bold red"), failed.message)
        lines = [Text(f"  {_safe(_fault(detail))}") for detail in failed.details if _adds(detail, failed)]
        lines += [Text(f"  - {_safe(objection)}") for objection in failed.objections]
        if failed.hint:
            lines.append(Text(f"  Next: {_safe(failed.hint)}"))
        for line in lines:
            self._errors.print(line, soft_wrap=True)

    def _sentence(self, head: Word, sentence: str) -> None:
        self._errors.print(_text(head, self._errors), Text(_safe(sentence)), soft_wrap=True)


def as_json(document: Any) -> str:
    """JSON to read; what a terminal could take as a command stays escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", text)


def aligned(rows: Sequence[Sequence[Cell]], right: Sequence[bool]) -> list[str]:
    """Rows as text in columns, for pipes: no colour, no icons, nothing cut off."""
    texts = [[_shown(cell) for cell in row] for row in rows]
    widths = [max(cell_len(text) for text in column) for column in zip(*texts, strict=True)]
    lines = []
    for row in texts:
        padded = [
            " " * (width - cell_len(text)) + text if to_right else text + " " * (width - cell_len(text))
            for text, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append((" " * _GAP).join(padded).rstrip())
    return lines


def fitting(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int, *, icons: bool
) -> list[int]:
    """The columns that fit into `width`: the ones to spare go first, the others stay whatever it takes."""
    extra = 2 if icons else 0
    widths = [
        max(
            [cell_len(column.title)]
            + [cell_len(_shown(row[i])) + (extra if isinstance(row[i], Word) else 0) for row in rows]
        )
        + _GAP
        for i, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    for i in sorted((i for i in shown if columns[i].spare), key=lambda i: -columns[i].spare):
        if sum(widths[j] for j in shown) - _GAP <= width:
            break
        shown.remove(i)
    return shown


def _icons(console: Console) -> bool:
    return console.is_terminal and console.encoding.startswith("utf")


def _text(cell: Cell, console: Console) -> Text:
    if isinstance(cell, str):
        return Text(_safe(cell))
    return Text(f"{cell.icon} {cell.text}" if _icons(console) else cell.text, style=cell.style)


def _shown(cell: Cell) -> str:
    return _safe(cell.text if isinstance(cell, Word) else cell)


def _safe(text: str) -> str:
    return plain(text) if text else ""


def _fault(detail: Detail) -> str:
    return f"{detail.field}: {detail.message}" if detail.field else detail.message


def _adds(detail: Detail, failed: Failed) -> bool:
    """Whether a detail says more than the sentence above it."""
    return bool(detail.field) or detail.message != failed.message
