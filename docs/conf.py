"""Configuration of the documentation: ``sphinx-build -W -b html docs OUT``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent), str(HERE.parent / "tests")]

sys.path.append(str(HERE.parent / "tests" / "benchmarks"))

import modes  # noqa: E402

modes.load_pure()  # what is compiled has no signatures

from wsproto_core import __version__  # noqa: E402

project = "wsproto_core"
author = "the wsproto_core contributors"
project_copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "generated",
]
exclude_patterns = ["examples"]
default_role = "py:obj"
nitpicky = True
# There is no inventory of the standard library here: building needs no network.
nitpick_ignore_regex = [
    ("py:class", r"collections\.abc\.\w+"),
]
nitpick_ignore = [
    ("py:class", "wsproto_core.headers._T"),
    ("py:class", "wsproto_core.broadcast._AnyConnection"),
    ("py:class", "Unpack"),  # on Python 3.10
]
language = "en"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
autodoc_type_aliases = {
    name: name
    for name in (
        "BytesLike",
        "Data",
        "Delivery",
        "ExtensionOffer",
        "ExtensionParameter",
        "HeadersLike",
        "Liveness",
        "RandomBytes",
        "SubprotocolSelector",
    )
}
python_maximum_signature_line_length = 80
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"wsproto_core {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}
