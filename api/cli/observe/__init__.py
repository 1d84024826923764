"""`mirliton observe`: a node in a terminal, live. It works with any ControlSocket, with telephony or without.

sampling.py  asks the node, and makes rates of counters
branches.py  the supervision tree
screens.py   the question before a kill
app.py       the whole picture
"""

from mirliton.api.cli.observe.app import Observer

__all__ = ["Observer"]
