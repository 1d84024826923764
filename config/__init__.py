"""mirliton.config"""

if __name__ != "mirliton.config":
    raise ImportError("import mirliton.config, not config: the bare name would give a second copy of every class")
