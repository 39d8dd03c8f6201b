# SPDX-License-Identifier: MIT
"""What a training runs on."""

from __future__ import annotations

import os
import platform
import socket
import sys
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("torch", "numpy", "callbacks-core", "callbacks-logging", "callbacks-trainer")


def describe_environment() -> dict[str, str]:
    """Return what the training runs on: versions, machine, devices, script and git commit."""
    from importlib.metadata import PackageNotFoundError, version  # slow, and seldom needed

    facts = {"Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    facts["host"] = socket.gethostname()
    facts["system"] = f"{platform.system()} {platform.release()}, {platform.machine()}"
    facts["processors"] = str(os.cpu_count())
    facts["GPU"] = _gpus() or "none"
    if sys.argv and sys.argv[0] not in ("", "-c"):
        script = Path(sys.argv[0])
        facts["script"] = script.parent.name if script.stem == "__main__" else script.name
    facts["git commit"] = git_commit(Path.cwd()) or "none"
    return facts


def _gpus() -> str:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():  # asking would take memory on each
        return ""
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ", ".join(names)


def git_commit(folder: Path) -> str | None:
    """Return the commit that is checked out where *folder* is, or None if there is none.

    The repository's files are read; git itself need not be installed.
    """
    try:
        for parent in (folder, *folder.parents):
            if (parent / ".git").exists():
                return _commit(parent / ".git")
    except (OSError, ValueError):  # a repository of a kind that is not known here
        pass
    return None


def _commit(repository: Path) -> str | None:
    if repository.is_file():  # a worktree, or a submodule
        pointed = repository.read_text(encoding="utf-8").strip().removeprefix("gitdir: ")
        repository = repository.parent / pointed
    head = (repository / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    common = repository
    if (repository / "commondir").exists():
        common = repository / (repository / "commondir").read_text(encoding="utf-8").strip()
    if (common / name).exists():
        return (common / name).read_text(encoding="utf-8").strip()
    packed = common / "packed-refs"
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.exists() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), None)
