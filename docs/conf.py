"""Settings of the documentation; `make docs` builds it with warnings as errors."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

import constructive  # noqa: E402 - the extension folder must be on the path before Sphinx loads extensions

project = "constructive"
author = "the constructive authors"
copyright = "2026, the constructive authors"
version = release = constructive.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # formulas must be readable without a network
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "absolute_values",
    "theorem_records",
]
exclude_patterns = ["_build", "_generated", "gallery/**/*.md5", "gallery/**/*.py", "gallery/**/*.ipynb"]
templates_path = []
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "constructive"
html_static_path = ["_static"]

# The facade is documented in the order in which it is meant to be read.
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "Array": "Array"}
python_use_unqualified_type_names = True

# The gallery is made from the demos, which are run at every build: an example that fails breaks the build.
sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "demos"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"/ex\d+_",
    "ignore_pattern": r"/_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1e9,  # times are not part of the documentation: they differ at every build
    "remove_config_comments": True,
}
# The gallery's settings hold objects that Sphinx cannot store between builds; it warns of that once.
suppress_warnings = ["config.cache"]
