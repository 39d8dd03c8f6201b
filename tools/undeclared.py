# SPDX-License-Identifier: MIT
"""Run deptry on every package: what is imported is declared, what is declared is imported."""

import subprocess
import sys

from workspace import members


def main() -> None:
    failed = [
        member.name
        for member in members().values()
        if subprocess.run(["deptry", "src"], cwd=member.path, check=False).returncode
    ]
    if failed:
        sys.exit(f"undeclared or unused dependencies in {', '.join(failed)}")


if __name__ == "__main__":
    main()
