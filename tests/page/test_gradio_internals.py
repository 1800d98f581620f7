from __future__ import annotations

import subprocess
import sys

from tests.support.serving import ROOT

COUNTED = """
import ast, inspect
parsed, real = [], ast.get_source_segment
ast.get_source_segment = lambda source, node, **more: parsed.append(node.name) or real(source, node, **more)
import {module}
import gradio
assert inspect.getfile(gradio.Slider).endswith("slider.py")
print(len(parsed))
"""


def parsed(module: str) -> int:
    """How many sources of components are parsed to write stubs while a module is imported."""
    program = [sys.executable, "-c", COUNTED.format(module=module)]
    return int(subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_the_app_imports_gradio_without_parsing_its_components():
    assert parsed("gradio") > 0, "Gradio writes no stubs any more: import it plainly"
    assert parsed("app") == 0
