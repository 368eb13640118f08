"""The texts of --help: docstrings as flowing paragraphs, examples, exit codes."""

from __future__ import annotations

from inspect import cleandoc

from paddock.terminal.failures import MEANINGS, Exit


def flowing(text: str | None) -> str:
    """A docstring as paragraphs without line breaks: the terminal's width decides where lines end."""
    paragraphs = cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def epilog(*examples: str) -> str:
    """Examples and exit codes, below the options of a command."""
    shown = "\n".join(["Examples:", *(f"  {example}" for example in examples)])
    return f"{shown}\n\n{exit_codes()}" if examples else exit_codes()


def exit_codes() -> str:
    return "\n".join(["Exit codes:", *(f"  {code.value}  {MEANINGS[code]}" for code in Exit)])
