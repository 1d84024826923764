"""mirliton.whapps"""

if __name__ != "mirliton.whapps":
    raise ImportError("import mirliton.whapps, not whapps: the bare name would give a second copy of every class")
