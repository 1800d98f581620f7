"""The Dockerfile's steps, each done in a fresh root: no daemon is needed, but root is.

The root has this machine's system, read-only, in place of the base image, and an interpreter of its own; what `COPY`
names is all that it gets of the project. Then the command runs as the Dockerfile's user, in a root that is read-only.
The index of PyTorch's CPU wheels is a build argument, and empty here: pip finds torch where it is set up to.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from comparisons.paths import ROOT
from streaming import models
from tests.fresh.environment import megabytes, reads, serving
from tests.support.serving import free_port

PORT = "7860"
"""In the Dockerfile; it is another one here, where that may be taken."""

ARGUMENTS = {"TORCH_INDEX": ""}

SHARED = ("/usr", "/opt", "/proc", "/dev")
"""Of this machine; /opt, where a machine keeps packages for pip."""

ETC = ("nsswitch.conf", "hosts", "resolv.conf", "ld.so.cache", "ssl", "xdg", "pip.conf",
       "alternatives", "login.defs")  # fmt: skip

ENTER = """
mount --make-rprivate / && mount --bind "$1" "$1" && cd "$1" || exit 77
for place in $2; do mkdir -p ".$place" && mount --rbind "$place" ".$place" || exit 77; done
mount -o remount,bind,ro ./usr && mount -o remount,bind,ro ./opt && mount -t tmpfs none ./tmp || exit 77
[ "$3" = rw ] || mount -o remount,bind,ro "$1" || exit 77
user=$4; shift 4
exec chroot --userspec="$user" . "$@"
"""
"""A root of our own in a namespace of its own: $1 the folder, $2 what is shared, $3 rw or ro, $4 the user."""


@dataclass
class Image:
    """What has been built so far: its root, and what the instructions have set."""

    root: Path
    variables: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/venv/bin:/usr/sbin:/usr/bin:/bin", "HOME": "/"}
    )
    place: str = "/"
    user: str = "0"
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def entered(self, *command: str, how: str) -> list[str]:
        """A command line that runs a command in it, as its user and where its files are."""
        names = [f"{name}={value}" for name, value in self.variables.items()]
        inside = ["env", "-i", "-C", self.place, *names, *command]
        return [
            "unshare",
            "--mount",
            "sh",
            "-c",
            ENTER,
            "sh",
            str(self.root),
            " ".join(SHARED),
            how,
            self.user,
            *inside,
        ]

    def run(self, command: str) -> None:
        """RUN: by a shell that may write."""
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        given = [f"{name}={value}" for name, value in {**ARGUMENTS, **pip}.items()]
        subprocess.run(self.entered("env", *given, "sh", "-c", command, how="rw"), check=True)

    def copy(self, source: str, target: str) -> None:
        """COPY: one file or folder."""
        to = self.root / (self.place + "/" + target).lstrip("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / source, to / source if target.endswith((".", "/")) else to)

    def follow(self, instruction: str, rest: str) -> None:
        """One instruction."""
        match instruction:
            case "ENV":
                self.variables |= dict(each.split("=", 1) for each in shlex.split(rest))
            case "WORKDIR":
                self.place = rest
                (self.root / rest.lstrip("/")).mkdir(parents=True)
            case "COPY":
                self.copy(*rest.split())
            case "RUN":
                self.run(rest)
            case "USER":
                self.user = rest
            case "CMD":
                self.command = json.loads(rest)
            case "HEALTHCHECK":
                self.health = json.loads(rest.partition("CMD")[2])
            case "FROM" | "ARG" | "EXPOSE":
                pass
            case _:
                raise ValueError(f"{instruction} is not known here: add it to tests/fresh/image.py.")


def instructions(text: str) -> list[tuple[str, str]]:
    """Of a Dockerfile, each with what follows it."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def _base(root: Path) -> Image:
    """In place of the base image: this machine's system, and an interpreter to which packages can be added."""
    for name in ("etc", "tmp", "venv"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    for name in ETC:
        if (there := Path("/etc", name)).is_dir():
            shutil.copytree(there, root / "etc" / name, symlinks=True)
        elif there.exists():
            shutil.copyfile(there, root / "etc" / name)
    for name, line in (("passwd", "root:x:0:0:root:/:/bin/sh"), ("group", "root:x:0:"), ("shadow", "root:*:1::::::")):
        (root / "etc" / name).write_text(f"{line}\n")
    image = Image(root)
    image.run("/usr/bin/python3 -m venv /venv")
    return image


def build(root: Path) -> Image:
    """Follow the Dockerfile."""
    image = _base(root)
    for instruction, rest in instructions((ROOT / "Dockerfile").read_text("utf-8")):
        image.follow(instruction, rest)
    return image


def serve(image: Image) -> None:
    """Run its command: as a user without rights, where nothing can be written; ask after its health, read, end it."""
    port = free_port()
    command, health = ([each.replace(PORT, str(port)) for each in one] for one in (image.command, image.health))
    tried = subprocess.run(
        image.entered("sh", "-c", "id -u; touch /app/x /venv/x /x", how="ro"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.stdout == "1000\n", tried
    assert tried.stderr.count("Read-only file system") == 3, tried
    env = {"PATH": os.environ["PATH"]}
    with serving(image.entered(*command, how="ro"), port, cwd=image.root, env=env) as process:
        subprocess.run(image.entered(*health, how="ro"), check=True)
        assert reads(port) in models.names()
        process.terminate()
        assert process.wait(timeout=30) == 0


def check(folder: Path) -> dict[str, float]:
    """Build it and serve from it."""
    began = time.monotonic()
    image = build(folder / "root")
    built = time.monotonic() - began
    serve(image)
    sizes = {"packages_mb": round(megabytes(image.root / "venv")), "project_mb": round(megabytes(image.root / "app"))}
    return {"build_s": round(built), **sizes}
