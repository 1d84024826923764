"""mirliton.actors"""

if __name__ != "mirliton.actors":
    raise ImportError("import mirliton.actors, not actors: the bare name would give a second copy of every class")
