"""A caller profile: who calls whom, and when what happened, as events and records print it."""

from __future__ import annotations

FIELDS = (
    "Direction",
    "Logical-Direction",
    "Username",
    "Dialplan",
    "Caller-ID-Name",
    "Caller-ID-Number",
    "Orig-Caller-ID-Name",
    "Orig-Caller-ID-Number",
    "Callee-ID-Name",
    "Callee-ID-Number",
    "Network-Addr",
    "ANI",
    "RDNIS",
    "Destination-Number",
    "Unique-ID",
    "Source",
    "Transfer-Source",
    "Context",
    "Channel-Name",
)
TIMES = (
    "Profile-Created-Time",
    "Channel-Created-Time",
    "Channel-Answered-Time",
    "Channel-Progress-Time",
    "Channel-Progress-Media-Time",
    "Channel-Hangup-Time",
    "Channel-Transfer-Time",
    "Channel-Resurrect-Time",
    "Channel-Bridged-Time",
    "Channel-Last-Hold",
    "Channel-Hold-Accum",
)
_TAIL = {"Screen-Bit": "true", "Privacy-Hide-Name": "false", "Privacy-Hide-Number": "false"}


class CallerProfile:
    """Fields and times of one leg; the printed headers are kept until something changes."""

    __slots__ = ("_printed", "fields", "index", "times")

    def __init__(self, fields: dict[str, str], *, created: int = 0, index: int = 1) -> None:
        self.fields = fields
        self.index = index
        self.times = dict.fromkeys(TIMES, 0)
        self.times["Profile-Created-Time"] = self.times["Channel-Created-Time"] = created
        self._printed: dict[str, dict[str, str]] = {}

    def get(self, field: str) -> str:
        """A field's value, empty when it is not set."""
        return self.fields.get(field, "")

    def set(self, field: str, value: str | None) -> None:
        """Give a field a value, or take it away with None."""
        if value is None:
            self.fields.pop(field, None)
        else:
            self.fields[field] = value
        self._printed.clear()

    def stamp(self, time: str, micros: int) -> None:
        """Note when something happened (microseconds since 1970)."""
        self.times[time] = micros
        self._printed.clear()

    def headers(self, prefix: str) -> dict[str, str]:
        """The headers of the profile: `Caller-…` for a leg's own, `Other-Leg-…` for its partner's."""
        printed = self._printed.get(prefix)
        if printed is None:
            printed = {f"{prefix}-{name}": self.fields[name] for name in FIELDS if name in self.fields}
            if prefix == "Caller":
                printed["Caller-Profile-Index"] = str(self.index)
            printed.update({f"{prefix}-{name}": str(value) for name, value in self.times.items()})
            printed.update({f"{prefix}-{name}": value for name, value in _TAIL.items()})
            self._printed[prefix] = printed
        return printed

    def copy(self, *, with_times: bool) -> CallerProfile:
        """A snapshot for the partner's events; without times they all read zero."""
        twin = CallerProfile(dict(self.fields), index=self.index)
        if with_times:
            twin.times = dict(self.times)
            twin.times["Channel-Bridged-Time"] = 0
        return twin

    def renew(self, created: int) -> None:
        """Start a new profile of the same channel (a transfer does that)."""
        self.index += 1
        self.times["Profile-Created-Time"] = created
        self.times["Channel-Bridged-Time"] = 0
        self._printed.clear()

    def swap_ids(self) -> None:
        """Caller and callee change places: what the switch does to a called leg that gets a life of its own."""
        for part in ("ID-Name", "ID-Number"):
            caller, callee = self.fields.get(f"Caller-{part}"), self.fields.get(f"Callee-{part}")
            self.set(f"Caller-{part}", callee)
            self.set(f"Callee-{part}", caller)
