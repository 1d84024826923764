"""A model of FreeSWITCH's parsers, as far as dial strings, arguments and variables meet them, and text to fool them.

`Switch` follows the steps of the real ones (separate, block, leg split, expansion), with their known weaknesses.
"""

from __future__ import annotations

from hypothesis import strategies as st

HOSTILE = [
    "x,origination_caller_id_number=911",
    "x',sip_h_X-Admin='true",
    "x]sofia/gateway/premium/1900",
    "x}sofia/gateway/premium/1900",
    "x,sofia/gateway/premium/1900",
    "x|sofia/gateway/premium/1900",
    "x:_:sofia/gateway/premium/1900",
    ":_:_:",
    "${system(reboot)}",
    "$\\{system(reboot)}",
    "$${system(reboot)}",
    "\\${system(reboot)}",
    "^^:x:y",
    "^^ ^^:x",
    "ARRAY::a|:b",
    "%[a=b]c",
    "x\\",
    "\\'",
    "'",
    "''",
    "it's",
    "[[",
    "]]",
    "}{",
    "<a=b>x",
    "a!b~c;d#e*f&g",
    "a=b=c",
    "  spaces  ",
    "x\nEvent-Name: CHANNEL_DESTROY",
    "x\0y",
    "\u2028\x85\x1b[0m",
    "\ud800",
    "",
]

syntax = st.sampled_from(list("\\'\"{}[]<>,|=:_^$%!~;#*& \n\t") + HOSTILE)
hostile_text = st.lists(syntax | st.text(max_size=3), max_size=12).map("".join)


class Switch:
    """FreeSWITCH's parsers, as far as a dial string or an argument meets them."""

    @staticmethod
    def clean(text: str, delimiter: str = "") -> str:
        """What a split does to each of its parts: escapes and quotes are taken away, blanks at the ends too."""
        text = text.lstrip(" ")
        out: list[str] = []
        keep = 0
        quoted = False
        at = 0
        while at < len(text):
            here, after = text[at], text[at + 1 : at + 2]
            if here == "\\" and after and (after in "'\"\\nrts" or after == delimiter):
                out.append({"n": "\n", "r": "\r", "t": "\t", "s": " "}.get(after, after))
                keep = len(out)
                at += 2
                continue
            if here == "'" and (quoted or "'" in text[at + 1 :]):
                quoted = not quoted
                if quoted:
                    keep = len(out)
            else:
                out.append(here)
                if here != " " or quoted:
                    keep = len(out)
            at += 1
        return "".join(out[:keep])

    @classmethod
    def separate(cls, text: str, delimiter: str, most: int = 1024) -> list[str]:
        if text.startswith("^^") and len(text) > 3:
            delimiter, text = text[2], text[3:]
        parts: list[str] = []
        at = start = 0
        quoted = False
        while at < len(text) and len(parts) < most - 1:
            here = text[at]
            if here == "\\":
                at += 1
            elif here == "'" and (quoted or delimiter == " " or "'" in text[at + 1 :]):
                quoted = not quoted
            elif here == delimiter and not quoted:
                parts.append(text[start:at])
                if delimiter == " ":
                    while text[at + 1 : at + 2] == " ":
                        at += 1
                start = at + 1
            at += 1
        if start < len(text):
            parts.append(text[start:])
        return [cls.clean(part, "" if delimiter == " " else delimiter) for part in parts]

    @staticmethod
    def closing(text: str, opener: str, closer: str) -> int:
        """Where the bracket at the start closes: brackets nest, quotes and escapes mean nothing."""
        depth = 0
        for at, here in enumerate(text):
            if here == opener:
                depth += 1
            elif here == closer:
                depth -= 1
                if depth == 0:
                    return at
        raise AssertionError(f"unclosed block: {text!r}")

    @classmethod
    def block(cls, text: str, brackets: str, delimiter: str) -> tuple[dict[str, str], str]:
        end = cls.closing(text, *brackets)
        inner = text[1:end]
        if inner.startswith("^^"):
            delimiter, inner = inner[2], inner[3:]
        found = {}
        for pair in cls.separate(inner, delimiter):
            sides = cls.separate(pair, "=", 2)
            if len(sides) == 2:
                found[sides[0]] = sides[1]
        return found, text[end + 1 :]

    @staticmethod
    def expand(text: str) -> str:
        """What happens to every application's argument first. Raises when a variable or API command would run."""
        escaped = any(pair in text for pair in ("\\\\", "\\n", "\\s", "\\t", "\\'"))
        dollar = False
        for here in text:
            if here == "$":
                dollar = True
            elif dollar and here == "{":
                raise AssertionError(f"expanded: {text!r}")
            elif here != "\\":
                dollar = False
        assert not escaped, f"unescaped: {text!r}"
        return text

    @classmethod
    def originate(cls, text: str) -> list[list[tuple[dict[str, str], str]]]:
        """The groups of legs that are dialled: each leg's variables and endpoint."""
        assert ":_:" not in text, f"several threads: {text!r}"
        text = text.lstrip(" ")
        common: dict[str, str] = {}
        for brackets in ("<>", "{}"):
            while text.startswith(brackets[0]):
                found, text = cls.block(text, brackets, ",")
                common |= found
        groups = []
        for group in cls.separate(text, "|", 128):
            legs = []
            for leg in cls.separate(cls.mask_commas(group), ",", 128):
                variables = dict(common)
                rest = leg.lstrip(" ")
                while rest.startswith("["):
                    end = cls.closing(rest, "[", "]")
                    rest = rest[:end].replace("\1", ",") + rest[end:]
                    found, rest = cls.block(rest, "[]", "\2")
                    variables |= found
                legs.append((variables, rest))
            groups.append(legs)
        return groups

    @classmethod
    def mask_commas(cls, group: str) -> str:
        """Commas inside [] become other signs before the legs are split at commas: one for quoted, one for other."""
        out = list(group)
        end = -1
        quoted = own_delimiter = False
        for at, here in enumerate(group):
            if at > end and here == "[":
                end = at + cls.closing(group[at:], "[", "]")
                own_delimiter = group[at + 1 : at + 3] == "^^"
                quoted = False
            if here == "'":
                quoted = not quoted
            if here == "," and at < end and group[at - 1] != "\\":
                out[at] = "\1" if quoted or own_delimiter else "\2"
        return "".join(out)

    @classmethod
    def bridge(cls, argument: str) -> list[list[tuple[dict[str, str], str]]]:
        return cls.originate(cls.expand(argument))

    @classmethod
    def api_originate(cls, argument: str) -> list[list[tuple[dict[str, str], str]]]:
        words = cls.separate(argument, " ", 10)
        assert words[1:] == ["&park()"], f"more words: {words!r}"
        return cls.originate(words[0])
