# SPDX-License-Identifier: MIT
"""Install only what you need: each torch-free wheel works beside core's wheel and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGES = Path(__file__).resolve().parent.parent / "packages"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Build the wheel of a package, once."""
    folder = tmp_path_factory.mktemp("wheels")
    built: dict[str, Path] = {}

    def build(package: str) -> Path:
        if package not in built:
            target = folder / package
            command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
            subprocess.run(command, cwd=PACKAGES / package, check=True, capture_output=True)
            (built[package],) = target.glob("*.whl")
        return built[package]

    return build


def run_isolated(code: str, *wheels: Path) -> str:
    """Run *code* with the standard library and the *wheels*, straight from the archives."""
    paths = [str(path) for path in wheels]
    program = f"import sys; sys.path[:0] = {paths!r}\n{code}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_core_is_importable_from_its_wheel_alone(wheel):
    """Core needs the standard library only: it imports straight from the archive."""
    code = "import callbacks_core; print(callbacks_core.__file__)"
    assert ".whl" in run_isolated(code, wheel("callbacks-core"))


def test_core_imports_only_the_standard_library(wheel):
    """Neither torch nor anything else outside the standard library comes with core."""
    code = (
        "import callbacks_core, callbacks_core.testing\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(tops - sys.stdlib_module_names - {'callbacks_core', '__main__'}))"
    )
    assert run_isolated(code, wheel("callbacks-core")).strip() == "[]"


def test_notify_needs_core_and_nothing_else(wheel):
    """Every public name of callbacks-notify is there beside core alone."""
    code = "import callbacks_notify as m; [getattr(m, name) for name in m.__all__]"
    run_isolated(code, wheel("callbacks-core"), wheel("callbacks-notify"))


def test_logging_needs_core_and_colorama_only(wheel):
    """Every public name of callbacks-logging is there without torch and without a tracker."""
    import colorama

    code = (
        f"sys.path.append({str(Path(colorama.__file__).parent.parent)!r})\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('torch', 'tensorboard', 'mlflow', 'matplotlib'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import callbacks_logging as m; [getattr(m, name) for name in m.__all__]"
    )
    run_isolated(code, wheel("callbacks-core"), wheel("callbacks-logging"))


@pytest.mark.parametrize(
    "package", sorted(path.parent.name for path in PACKAGES.glob("*/pyproject.toml"))
)
def test_a_wheel_carries_its_types_and_its_licence_and_no_tests(wheel, package):
    """What is installed is the module, typed and licensed, and nothing beside it."""
    module = "callbacks_trainer" if package == "trainer" else package.replace("-", "_")
    with zipfile.ZipFile(wheel(package)) as archive:
        names = archive.namelist()
    assert f"{module}/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {module}
