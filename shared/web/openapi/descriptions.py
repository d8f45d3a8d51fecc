"""What our types say of their fields: the strings below them, read from the source.

Python keeps no such string at run time, and asks nothing of those who never read the description.
"""

import ast
import functools
import inspect
import re
import sys
from types import ModuleType

from msgspec import Struct


def of_type(kind: type) -> str:
    """Its docstring, of its own and not of a base."""
    return plain(inspect.cleandoc(kind.__dict__.get("__doc__") or "")) if _said(kind) else ""


def of_fields(kind: type[Struct]) -> dict[str, str]:
    """By the fields' names, those of its bases too."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Struct) and base is not Struct:
            found |= _classes(sys.modules[base.__module__]).get(base.__name__, {})
    return found


def plain(text: str) -> str:
    """As a paragraph: lines in a source end where its margin is."""
    return "\n\n".join(re.sub(r"\s+", " ", part).strip() for part in text.split("\n\n"))


def _said(kind: type) -> bool:
    tree = _trees(sys.modules[kind.__module__]).get(kind.__name__)
    return tree is not None and ast.get_docstring(tree) is not None


@functools.cache
def _trees(module: ModuleType) -> dict[str, ast.ClassDef]:
    return {
        node.name: node
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.ClassDef)
    }


@functools.cache
def _classes(module: ModuleType) -> dict[str, dict[str, str]]:
    return {name: dict(_described(tree)) for name, tree in _trees(module).items()}


def _described(tree: ast.ClassDef) -> list[tuple[str, str]]:
    """Each field that is followed by a string."""
    return [
        (field.target.id, plain(said.value.value))
        for field, said in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(said, ast.Expr)
        and isinstance(said.value, ast.Constant)
        and isinstance(said.value.value, str)
    ]
