"""`python -m tests.load.audit`: licences and known vulnerabilities of what `requirements.txt` brings along.

Licences are read from the installed packages, without a network. Vulnerabilities are looked up by `pip-audit`, for
all that is installed here; it asks an advisory service; of what could not be looked up nothing is claimed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

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


def vulnerabilities(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """What is known of these packages: vulnerabilities, each in a line; and which could not be looked up."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--local",
        "--timeout",
        "10",
        "--progress-spinner",
        "off",
        "-f",
        "json",
    ]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        return told(json.loads(ran.stdout)["dependencies"], names)
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return [], sorted(names)


def told(audited: list[dict], names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The same from pip-audit's own records; a package that it does not name was not looked up."""
    known = {one["name"].lower(): one for one in audited}
    missing = sorted(name for name in names if "skip_reason" in known.get(name, {"skip_reason": ""}))
    found = [f"{one['name']} {one['version']}: {flaw['id']}" for one in audited for flaw in one.get("vulns", [])]
    return found, missing


def main() -> int:
    """Print both; 1 where a licence is not allowed or a vulnerability is known, 3 where some could not be looked up."""
    packages = closure(required(ROOT / "requirements.txt"))
    rows = list(judged(packages))
    for name, version, said, fine in rows:
        print(f"{name:28} {version:14} {said}{'' if fine else '   <- not on the list of allowed licences'}")
    found, missing = vulnerabilities(packages)
    print(
        "\nKnown vulnerabilities:", ", ".join(found) or ("none" if not missing else "none in what could be looked up")
    )
    if missing:
        print(
            f"NOT LOOKED UP: {len(missing)} of {len(packages)} packages, for which no advisory service could be asked"
        )
        print("from here: run `make audit` where there is a network.", ", ".join(missing))
    refused = [name for name, _, _, fine in rows if not fine]
    summary = {"packages": len(rows), "licences_not_allowed": refused, "vulnerabilities": found}
    print(json.dumps({**summary, "not_looked_up": len(missing)}))
    return 1 if refused or found else 3 * bool(missing)


if __name__ == "__main__":
    sys.exit(main())
