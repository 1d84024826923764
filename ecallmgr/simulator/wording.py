"""Splitting command arguments into words, as the switch does: single quotes and brackets keep spaces together."""

from __future__ import annotations


def words(text: str) -> list[str]:
    """The words of `text`; quotes around a word are taken off."""
    found = []
    while text := text.strip():
        word, text = first_word(text)
        found.append(word[1:-1] if len(word) > 1 and word[0] == word[-1] == "'" else word)
    return found


def first_word(text: str) -> tuple[str, str]:
    """The first word as it stands, and the rest."""
    text = text.strip()
    depth, quoted = 0, False
    for at, mark in enumerate(text):
        if mark == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif mark in "{[<(":
            depth += 1
        elif mark in "}]>)":
            depth -= 1
        elif mark == " " and depth <= 0:
            return text[:at], text[at:].strip()
    return text, ""
