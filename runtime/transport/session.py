"""A session: what two nodes that can hear each other agree on before one sends the other anything. No I/O.

Each side has an epoch for the other, which rises whenever it gives the other up, and is never lower than before, also
when the other was forgotten meanwhile: it may remember. A session is a pair of epochs, and is
up once both sides know both: a side that has given up is found out by the first frame of the other, and no frame, link
or monitor of an earlier session is taken for one of this. It costs one exchange, of two hellos.

    a: hello(mine=1)          -> b
    b: hello(mine=1, of=1)    -> a is up
    a: hello(mine=1, of=1)    -> b is up
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heard:
    """What follows from a frame: the session that was up is `lost`, it `came_up`, and a hello is to be sent."""

    lost: bool = False
    came_up: bool = False
    answer: bool = False


class Session:
    """One side of it, whose epochs are `first` and above."""

    __slots__ = ("mine", "theirs", "up")

    def __init__(self, first: int = 1) -> None:
        self.mine = first
        """This side's epoch."""
        self.theirs = 0
        """The other side's, 0 until it is known."""
        self.up = False

    def give_up(self) -> None:
        """Nothing of this session counts any more."""
        self.up = False
        self.mine += 1

    def hello(self, epoch: int, of: int) -> Heard:
        """The other side said its epoch, and which of ours it knows."""
        if epoch < self.theirs:
            return Heard()  # an old one, overtaken or played back
        if self.up:
            if epoch == self.theirs:
                return Heard(answer=of != self.mine)
            self.give_up()
            self.theirs = epoch
            return Heard(lost=True, answer=True)
        self.theirs = epoch
        self.up = of == self.mine
        return Heard(came_up=self.up, answer=True)

    def data(self, epoch: int, of: int) -> Heard | None:
        """The other side sent something in the session (epoch, of). None: not of this one, it must not be read."""
        if epoch != self.theirs or of != self.mine:
            return None
        if self.up:
            return Heard()
        # It knows our epoch, so for it the session is up; the hello that said so comes later or was lost.
        self.up = True
        return Heard(came_up=True)
