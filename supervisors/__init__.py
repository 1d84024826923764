"""mirliton.supervisors"""

if __name__ != "mirliton.supervisors":
    raise ImportError("import mirliton.supervisors, not supervisors: the bare name would give a second copy of every class")
