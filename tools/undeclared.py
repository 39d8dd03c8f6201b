# SPDX-License-Identifier: MIT
"""Run deptry on every package: what is imported is declared, what is declared is imported."""

import subprocess
import sys

from workspace import Member, members


def complaints(member: Member) -> list[str]:
    """Return deptry's findings about *member*, one line each."""
    command = ["deptry", "--no-ansi", "src"]
    done = subprocess.run(command, cwd=member.path, capture_output=True, text=True)
    if not done.returncode:
        return []
    lines = (done.stdout + done.stderr).splitlines()
    found = [line for line in lines if " DEP0" in line]
    return [f"{member.folder}/{line}" for line in found or lines]


def main() -> None:
    packages = members().values()
    if found := [line for member in packages for line in complaints(member)]:
        sys.exit("\n".join(found))
    print(f"undeclared: the imports of {len(packages)} distributions match their dependencies")


if __name__ == "__main__":
    main()
