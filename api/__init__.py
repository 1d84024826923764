"""mirliton.api"""

if __name__ != "mirliton.api":
    raise ImportError("import mirliton.api, not api: the bare name would give a second copy of every class")
