# SPDX-License-Identifier: MIT
"""Nothing that is loaded runs code, and what is damaged is noticed."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
try:
    from _attacks import ATTACKS, LOADERS, Payload, attack, damage
finally:
    del sys.path[0]

NOTICED = [name for name, loader in LOADERS.items() if loader.notices]


@pytest.mark.parametrize("name", LOADERS)
def test_a_payload_is_refused_and_never_runs(name, tmp_path):
    """Whether it is a bare pickle, an archive of torch's, or one with a seal that is right."""
    assert attack(name, tmp_path).lost == []


@pytest.mark.parametrize("name", NOTICED)
def test_damage_is_noticed(name, tmp_path):
    """Wherever a file is cut off, and whichever bit of it is turned over."""
    places = 100 if name == "load_training" else 8
    for result in damage(name, tmp_path, places=places):
        assert result.lost == []
        assert result.tried == places


@pytest.mark.parametrize("kind", ATTACKS)
def test_the_payload_is_real(kind, tmp_path):
    """Unpickled without care, it leaves its mark."""
    path, mark = tmp_path / "file", tmp_path / "mark"
    path.write_bytes(ATTACKS[kind](Payload(mark)))
    with suppress(RuntimeError):  # it is no weights either
        torch.load(path, weights_only=False)
    assert mark.exists()
