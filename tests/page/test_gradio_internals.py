from __future__ import annotations

import subprocess
import sys

import gradio as gr

from comparisons.page.gradio_internals import calls
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


def test_the_public_call_is_known_by_its_name_and_not_by_its_size():
    with gr.Blocks() as page:
        texts = [gr.Textbox() for _ in range(5)]
        button = gr.Button()
        for name, taken in (("another", texts[:3]), ("start", texts[:2]), ("one more", texts)):
            button.click(lambda *values: None, taken, api_name=name)
    assert calls(page).start == 2
    assert sorted(calls(page).inputs.values()) == [2, 3, 5]


def test_the_app_imports_gradio_without_parsing_its_components():
    assert parsed("gradio") > 0, "Gradio writes no stubs any more: import it plainly"
    assert parsed("app") == 0
