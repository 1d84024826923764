"""Docstrings are plain text with `names`, indented code and columns; Sphinx wants reStructuredText."""

import re

_COLUMNS = re.compile(r"\S {2,}\S|^ {20,}\S")


def to_rest(text: str) -> str:
    """The docstring with literal names, its indented parts as Python, and its columns as they stand."""
    out: list[str] = []
    block = ""
    for line in text.splitlines():
        kind = _kind(line, block)
        if kind != block:
            if kind:
                out += ["", f".. code-block:: {kind}", ""]
            elif line.strip():
                out.append("")
            block = kind
        out.append(_words(line) if not kind else "    " + line if kind == "text" else line)
    return "\n".join(out) + "\n"


def _kind(line: str, before: str) -> str:
    if not line.strip():
        return before
    if line.startswith("    ") and (before == "python" or (before != "text" and not _COLUMNS.match(line))):
        return "python"
    return "text" if _COLUMNS.search(line) and before != "python" else ""


def _words(line: str) -> str:
    parts = re.split(r"(?<!`)`([^`]+)`(?!`)", line)
    plain = [re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
    literal = [f"``{part}``" for part in parts[1::2]]
    return "".join(word for pair in zip(plain, [*literal, ""], strict=True) for word in pair)
