"""The applications: one folder each, with the same file names inside.

app.py        what it starts: its supervision tree as data
listener.py   what it hears
…             one module per action or concept
errors.py     where it has errors of its own
"""

if __name__ != "mirliton.whapps":
    raise ImportError("import mirliton.whapps, not whapps: the bare name would give a second copy of every class")
