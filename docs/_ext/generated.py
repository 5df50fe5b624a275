"""The Sphinx extension: what of these pages comes from the code.

Directives: ``generated-table``, ``type-aliases`` and ``command-output`` (see `tables`),
``state-diagram`` (see `state_diagram`), ``benchmark-table`` and ``benchmark-scaling`` (see
`benchmark_results`).

Docstrings: sections such as ``Args:`` go through napoleon, the text of attributes does
not, for napoleon takes what comes before a colon there for a type.

References: a name in single backquotes is a link where there is something to link to,
and code where it names an argument. Anything else is a warning.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import ClassVar

import benchmark_results
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.util.docutils import SphinxDirective
from state_diagram import draw
from tables import TABLES, command_output, type_alias

import wsproto_core

PACKAGE = "wsproto_core"


class Generated(SphinxDirective):
    """Text of the code's own making."""

    def parse(self, lines):
        """The nodes of reStructuredText."""
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source="generated"), self.content_offset, node)
        return node.children


def list_table(rows, widths=None):
    """The lines of a table, whose first row is the heading."""
    lines = [".. list-table::", "   :header-rows: 1", "   :width: 100%"]
    if widths:
        lines.append(f"   :widths: {widths}")
    lines.append("")
    for row in rows:
        for number, cell in enumerate(row):
            lines.append(f"   {'  -' if number else '* -'} {cell}")
    return [*lines, ""]


class GeneratedTable(Generated):
    """A table of the code's own making."""

    required_arguments = 1
    option_spec: ClassVar = {"widths": str}

    def run(self):
        rows = TABLES[self.arguments[0]]()
        return self.parse(list_table(rows, self.options.get("widths")))


class TypeAliases(Generated):
    """The aliases that are its content: what they stand for, and their docstrings."""

    has_content = True

    def run(self):
        lines = []
        for name in self.content:
            definition, text = type_alias(name)
            lines += [f".. py:data:: {name}", f"   :module: {PACKAGE}", ""]
            lines += [f"   {line}" for line in [*text.splitlines(), "", f"``{definition}``", ""]]
        return self.parse(lines)


class CommandOutput(SphinxDirective):
    """What the command line prints, given these arguments."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"input": str}

    def run(self):
        text = command_output(self.arguments[0], self.options.get("input"))
        return [nodes.literal_block(text, text, language="text", classes=["command-output"])]


class StateDiagram(Directive):
    """The picture of the state table."""

    def run(self):
        return [nodes.raw("", draw(), format="html")]


class BenchmarkTable(Generated):
    """What was measured beside the other engines, in each mode."""

    def run(self):
        found = []
        for report in benchmark_results.tables():
            mode = report["mode"]
            found += self.parse([f".. rubric:: {mode.capitalize()} mode", ""])
            found += self.parse([benchmark_results.what_ran(report), ""])
            for rows in benchmark_results.groups(report):
                found.append(nodes.raw("", benchmark_results.picture(rows, mode), format="html"))
                found += self.parse(list_table(benchmark_results.table(rows, mode)))
        return found


class BenchmarkScaling(Generated):
    """How time and memory grow."""

    def run(self):
        found = []
        for report in benchmark_results.scaling():
            found += self.parse([benchmark_results.what_ran(report), ""])
            found += self.parse(list_table(benchmark_results.growth_table(report)))
            for chart in report["experiments"]:
                found += self.parse([f".. rubric:: {chart['title']}", ""])
                pictures = benchmark_results.growth_pictures(chart)
                found += [nodes.raw("", picture, format="html") for picture in pictures]
        return found


def process_docstring(app, what, name, obj, options, lines):
    if what not in ("attribute", "data", "property"):
        config = Config(napoleon_use_rtype=False)
        lines[:] = GoogleDocstring(lines, config, app, what, name, obj, options).lines()


def process_signature(app, what, name, obj, options, signature, annotation):
    if signature is None:
        return None
    if what == "exception" and "__init__" not in vars(obj):
        return "", None  # as the base class has it
    signature = re.sub(r"<module '(\w+)'[^>]*>", r"\1", signature)
    signature = signature.replace("DEFAULT_LIMITS", "Limits()")
    signature = signature.replace("DEFAULT_TIMEOUTS", "Timeouts()")
    return without_forward_references(signature), without_forward_references(annotation)


def without_forward_references(text):
    """Aliases by their names, where autodoc shows what it made of them."""
    return text and re.sub(r"TypeAliasForwardRef\('([\w.]+)'\)", r"\1", text)


def resolve_reference(app, env, node, contnode):
    """Find what a name means that stands for nothing where it is written."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    for candidate in candidates(target, node.get("py:class")):
        if candidate != target:
            found = env.domains["py"].resolve_xref(
                env, node["refdoc"], app.builder, "obj", candidate, node, contnode
            )
            if found is not None:
                return found
    if node["reftype"] == "obj" and target in argument_names():
        return contnode
    return None


def candidates(target, class_name):
    """Full names that `target` may stand for, in the docstring of a class or elsewhere."""
    last = target.rpartition(".")[2]
    if target.startswith(PACKAGE + "."):
        yield f"{PACKAGE}.{last}"  # what annotations name by the module it is in
        return
    yield f"{PACKAGE}.{target}"
    cls = getattr(wsproto_core, (class_name or "").rpartition(".")[2], None)
    for base in getattr(cls, "__mro__", ()):
        yield f"{PACKAGE}.{base.__name__}.{target}"


@cache
def argument_names():
    """The names of the arguments of all that is public."""
    names = set()
    for public in wsproto_core.__all__:
        value = getattr(wsproto_core, public)
        members = list(vars(value).values()) if inspect.isclass(value) else [value]
        for member in members:
            function = getattr(member, "__func__", member)
            if inspect.isfunction(function):
                names |= inspect.signature(function).parameters.keys()
    return names


def setup(app):
    app.add_directive("generated-table", GeneratedTable)
    app.add_directive("type-aliases", TypeAliases)
    app.add_directive("command-output", CommandOutput)
    app.add_directive("state-diagram", StateDiagram)
    app.add_directive("benchmark-table", BenchmarkTable)
    app.add_directive("benchmark-scaling", BenchmarkScaling)
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("autodoc-process-signature", process_signature)
    app.connect("missing-reference", resolve_reference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
