"""`python -m tests.audit`: licences and known vulnerabilities of what `requirements.txt` brings along.

Licences are read from the installed packages, without a network. Vulnerabilities are looked up by `pip-audit`, for
all that is installed here; it asks an advisory service, and where that cannot be reached, nothing is claimed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ALLOWED = re.compile(
    r"MIT|BSD|0BSD|Apache|ISC|PSF|Python|MPL|Mozilla|Zlib|Unlicense|CC0|HPND|Public Domain|NVIDIA|"
    r"Historical Permission|BlueOak",
    re.IGNORECASE,
)
"""Licences under which a demo may use a package as it is: permissive ones, and NVIDIA's for CUDA."""

REFUSED = re.compile(r"\b(?:AGPL|GPL|SSPL|Business Source|Commercial|Proprietary)\b|GNU (?:Affero )?General", re.I)

_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def required(file: Path) -> list[str]:
    """Names of the packages that a requirements file asks for."""
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return [_NAME.match(line)[0] for line in lines if line and not line.startswith(("#", "-"))]


def closure(names: list[str]) -> dict[str, Distribution]:
    """These packages and all that they need, of what is installed here."""
    found: dict[str, Distribution] = {}
    left = list(names)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another system, or an option that is not chosen
        needs = (need for need in found[name].requires or [] if "extra ==" not in need)
        left += [_NAME.match(need)[0] for need in needs]
    return found


def licence(package: Distribution) -> str:
    """What a package says of itself: an expression, classifiers, or the first line of a text."""
    about = package.metadata
    classifiers = [one.split(" :: ")[-1] for one in about.get_all("Classifier", []) if one.startswith("License ::")]
    said = about.get("License-Expression") or ", ".join(classifiers) or (about.get("License") or "").strip()
    return said.splitlines()[0][:60] if said else "not said"


def judged(packages: dict[str, Distribution]) -> Iterator[tuple[str, str, str, bool]]:
    """Name, version, licence, and whether it is allowed."""
    for name, package in sorted(packages.items()):
        said = licence(package)
        either = re.split(r"\bOR\b", said)
        fine = any(ALLOWED.search(one) and not REFUSED.search(one) for one in either)
        yield name, package.version, said, fine


def vulnerabilities() -> tuple[str, str]:
    """ "none", "found" or "not checked", and what pip-audit says."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--timeout", "10", "--progress-spinner", "off"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return "not checked", "pip-audit took more than five minutes."
    said = (ran.stdout + ran.stderr).strip()
    if ran.returncode == 0:
        return "none", said
    known = re.search(r"Found \d+ known vulnerabilit", said)
    if known:
        return "found", said
    return "not checked", said.splitlines()[-1][:200] if said else "pip-audit did not run."


def main() -> int:
    """Print both; 1 where a licence is not allowed or a vulnerability is known, 3 where they could not be looked up."""
    rows = list(judged(closure(required(ROOT / "requirements.txt"))))
    for name, version, said, fine in rows:
        print(f"{name:28} {version:14} {said}{'' if fine else '   <- not on the list of allowed licences'}")
    state, said = vulnerabilities()
    print(f"\nKnown vulnerabilities: {state}.\n{said}")
    if state == "not checked":
        print("The advisory service could not be asked from here: run `make audit` where there is a network.")
    refused = [name for name, _, _, fine in rows if not fine]
    print(json.dumps({"packages": len(rows), "licences_not_allowed": refused, "vulnerabilities": state}))
    return 1 if refused or state == "found" else 3 * (state == "not checked")


if __name__ == "__main__":
    sys.exit(main())
