"""How the documentation is built: `make docs`, into build/docs."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from docstrings import to_rest

project = "Mirliton"
author = "the Mirliton developers"
html_title = "Mirliton"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_copybutton"]
exclude_patterns = ["conf.py"]
myst_heading_anchors = 3
html_theme = "furo"
highlight_language = "python"
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}

# Thespian's base class is not documented here, and its methods are not ours.
autodoc_inherit_docstrings = False


def _docstring(_app, _what, _name, _obj, _options, lines):
    lines[:] = to_rest("\n".join(lines)).splitlines()


def _skip(_app, _what, name, _obj, skip, _options):
    return True if re.fullmatch(r"_.*|receiveMessage", name) else skip


def setup(app):
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-skip-member", _skip)
