"""mirliton.ecallmgr"""

if __name__ != "mirliton.ecallmgr":
    raise ImportError("import mirliton.ecallmgr, not ecallmgr: the bare name would give a second copy of every class")
