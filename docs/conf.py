# SPDX-License-Identifier: MIT
"""The documentation site: prose in Markdown, the API from the docstrings, pictures from the code.

What the pages say of the API is read, not imported; only the pictures are drawn by running it.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "docs")]

from workspace import members  # noqa: E402

PACKAGES = list(members(ROOT).values())

project = "callboard"
author = "the callboard authors"
copyright = "2026, the callboard authors"

extensions = ["autoapi.extension", "myst_parser", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
default_role = "literal"
nitpicky = False
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Signatures say what a reader would import, a line for each parameter where one is too short.
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = "callboard"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {
    "source_repository": "https://github.com/callboard-ml/callboard/",
    "source_branch": "main",
    "source_directory": "docs/",
}

autoapi_dirs = [str(member.source) for member in PACKAGES]
autoapi_root = "api"
autoapi_add_toctree_entry = False
autoapi_member_order = "groupwise"
autoapi_python_class_content = "class"
autoapi_options = ["members", "imported-members", "show-inheritance"]

# A package is its `__all__`; where in it a name is written is nobody's business. `testing` is the
# one public module beside, and `callboard` repeats names that have a page of their own.
PUBLIC = {member.module for member in PACKAGES} | {"callbacks_core.testing"}
FLAT = "callboard"


def skip_member(app, what, name, obj, skip, options):
    if what in ("module", "package"):
        return name not in PUBLIC
    if name.rpartition(".")[0] == FLAT and getattr(obj, "imported", False):
        return True
    return skip


WITHIN = re.compile(r"\b(callbacks_[a-z]+|callboard)(?:\.(?!testing\b)[a-z_]\w*)+\.(?=[A-Z])")


def name_as_imported(app, page, source):
    """Leave out the modules in which the names of packages are written."""
    if page.startswith("api/"):
        source[0] = WITHIN.sub(r"\1.", source[0]).replace("collections.abc.", "")


def draw_gallery(app):
    from gallery import draw  # with torch, which is not needed to read this file

    draw(ROOT / "docs" / "gallery")


def setup(app):
    app.connect("builder-inited", draw_gallery)
    app.connect("autoapi-skip-member", skip_member)
    app.connect("source-read", name_as_imported)
