# SPDX-License-Identifier: MIT
"""A compiled forward beside the network, which stays what it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from inspect import signature
from typing import Any, Final, TypeAlias

import torch
from torch.nn import Module

from callbacks_core import did_you_mean

CompileLike: TypeAlias = "bool | Mapping[str, Any]"

_COMPILERS: Final = ("g++", "clang++", "c++", "cl")


class Compiled:
    """Compiles the forward of a network, when it is first asked for.

    The network keeps its class and the names of its weights, and callbacks see it alone.

    Args:
        compile: False for the network as it is; True for `torch.compile` with its defaults; or a
            mapping of its arguments, such as ``{"mode": "reduce-overhead"}``.
        device: Where the network is.

    Raises:
        TypeError: *compile* is neither.
        ValueError: There is no such backend.
        RuntimeError: The backend needs a compiler that is not installed.
    """

    def __init__(self, compile: CompileLike, device: torch.device) -> None:
        if not isinstance(compile, bool | Mapping):
            raise TypeError(
                f"`compile` must be True, False or a mapping of the arguments of torch.compile, "
                f"not {compile!r}"
            )
        for name in compile if isinstance(compile, Mapping) else ():
            known = [key for key in signature(torch.compile).parameters if key != "model"]
            if name not in known:
                raise TypeError(
                    f"`compile` has {name!r}, which torch.compile does not know"
                    f"{did_you_mean(name, known)} (it knows {', '.join(known)})"
                )
        self._wanted = compile is not False
        self._options = dict(compile) if isinstance(compile, Mapping) else {}
        self._network: Module | None = None
        self._forward: Callable[..., Any] | None = None
        if self._wanted:
            _check_backend(self._options.get("backend", "inductor"), device)

    def of(self, network: Module) -> Callable[..., Any]:
        """Return what to call in the network's place: compiled, or the network itself."""
        if not self._wanted:
            return network
        if self._forward is None or self._network is not network:
            self._network = network
            self._forward = torch.compile(network, **self._options)
        return self._forward

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle without what was compiled; a copy compiles again."""
        return {**vars(self), "_network": None, "_forward": None}


def _check_backend(backend: object, device: torch.device) -> None:
    if not isinstance(backend, str):
        return
    known = torch.compiler.list_backends(exclude_tags=())
    if backend not in known:
        raise ValueError(
            f"torch.compile has no backend {backend!r}{did_you_mean(backend, known)} "
            f"(there are {', '.join(known)})"
        )
    if backend != "inductor":
        return
    if device.type == "cuda" and find_spec("triton") is None:
        raise RuntimeError(
            "compile=True needs Triton on a GPU, which is not installed: pip install triton"
        )
    wanted = os.environ.get("CXX")
    if device.type == "cpu" and not any(
        shutil.which(name) for name in ([wanted] if wanted else _COMPILERS)
    ):
        raise RuntimeError(
            f"compile=True needs a C++ compiler, and there is no {wanted or ', '.join(_COMPILERS)}"
            f" here: install one (apt install g++), or leave `compile` out"
        )
