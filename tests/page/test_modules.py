from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from comparisons.page.modules import MODULES, Module, bundle, ordered, read
from comparisons.page.scripts import HOSTS
from streaming.errors import SettingsError

FLOORS = ("data", "view", "controls", "server", "hosts")
"""Folders of modules: each imports from itself and from those before it."""

NAMES = sorted(path.relative_to(MODULES).as_posix() for path in MODULES.rglob("*.js"))
FREE = r"(?:(?<![.\w])|(?<=\.\.\.))"
"""Before a name that is nobody's property."""

PANEL = [name for name in NAMES if name != "hosts/gradio.js"]


def without_comments(text: str) -> str:
    return re.sub(r"//[^\n\"'`]*$", "", text, flags=re.MULTILINE)


def parameters(text: str) -> str:
    return " ".join(re.findall(r"function \w+\((.*)\) \{", text) + re.findall(r"\(([^()]*)\) =>", text))


def made(**bodies: str):
    """Modules by their texts, as `ordered` finds them."""

    def find(name: str) -> Module:
        imports = {f"{other}.js": (names,) for other, names in re.findall(r"(\w+):(\w+)", bodies[name[:-3]])}
        return Module(name=name, imports=imports, exports=("f",), body="")

    return find


@pytest.mark.parametrize("host", HOSTS)
def test_every_module_comes_after_all_that_it_imports_and_takes_what_is_exported(host):
    order = [module.name for module in ordered(f"hosts/{host}.js")]
    for module in map(read, order):
        for other, names in module.imports.items():
            assert order.index(other) < order.index(module.name)
            assert set(names) <= set(read(other).exports)
    assert len(order) == len(set(order)) > 30


def test_modules_import_downwards_only():
    for module in map(read, PANEL):
        floor = FLOORS.index(module.name.split("/")[0])
        assert all(FLOORS.index(other.split("/")[0]) <= floor for other in module.imports), module.name


def test_every_module_and_every_import_is_used():
    needed = {module.name for host in HOSTS for module in ordered(f"hosts/{host}.js")}
    assert needed == set(PANEL)
    for module in map(read, PANEL):
        text = without_comments(module.body)
        for name in (name for names in module.imports.values() for name in names):
            assert re.search(rf"{FREE}{name}\b", text), f"{module.name} does not use {name}"


def test_no_module_uses_another_ones_function_without_importing_it():
    functions = {
        name: module.name
        for module in map(read, PANEL)
        for name in re.findall(r"^(?:async )?function (\w+)", module.body, re.MULTILINE)
    }
    for module in map(read, PANEL):
        text = without_comments(module.body)
        own = {name for names in module.imports.values() for name in names}
        own |= set(re.findall(r"\b(?:function|const|let) (\w+)", text)) | set(
            re.findall(r"\((\w+)\) =>|, (\w+)\)", text)
        )
        for name in set(re.findall(rf"{FREE}(\w+)\(", text)) & functions.keys():
            assert name in own or functions[name] == module.name, f"{module.name} calls {name} of {functions[name]}"


def test_a_circle_is_named_with_its_way():
    with pytest.raises(SettingsError, match=r"a\.js → b\.js → c\.js → a\.js"):
        ordered("a.js", made(a="b:f", b="c:f", c="a:f"))
    with pytest.raises(SettingsError, match=r"a\.js imports g, which b\.js does not export"):
        ordered("a.js", made(a="b:g", b=""))


@pytest.mark.parametrize(
    "line",
    ['import x from "./b.js";', 'import * as x from "./b.js";', "export default 3;", "export { x };", "export let x;"],
)
def test_what_would_be_lost_in_one_file_is_refused(tmp_path, line):
    (tmp_path / "a.js").write_text(f"{line}\nconst x = 1;\n")
    with pytest.raises(SettingsError, match=r"a\.js: write"):
        read("a.js", tmp_path)


def test_a_module_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.js"):
        read("nowhere.js", tmp_path)


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
def test_the_one_file_is_what_the_modules_are(tmp_path):
    """Node imports the files themselves, and the bundle: both thin a curve alike."""
    (tmp_path / "bundle.mjs").write_text(f"const PAGE = {{}};\n{bundle('data/thin.js')}\nexport default modules;\n")
    (tmp_path / "thin.mjs").write_text((MODULES / "data/thin.js").read_text("utf-8"))
    program = """
        const points = Array.from({length: 5000}, (_, i) => [i, (i * 7919) % 1009]);
        const bundled = (await import("./bundle.mjs")).default["data/thin.js"];
        const plain = await import("./thin.mjs");
        const [one, other] = [bundled, plain].map(({thin}) => JSON.stringify(thin(points, 1, 500)));
        console.log(one === other && one.length > 1000);
    """
    (tmp_path / "try.mjs").write_text(program)
    done = subprocess.run(["node", "try.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "true\n"
    for host in HOSTS:
        (tmp_path / "whole.mjs").write_text(f"const PAGE = {{}};\n{bundle(f'hosts/{host}.js')}\n")
        subprocess.run(["node", "--check", "whole.mjs"], cwd=tmp_path, check=True)
