# SPDX-License-Identifier: MIT
import io
import os
import pickle

import pytest
import torch
from torch import nn

from callbacks_trainer import Model

SETTINGS = {"optim": "sgd", "lr": 0.1, "momentum": 0.9}


class Hostile:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.fixture
def trained(make_model, batches):
    """A model with weights of its own, and a state in its optimizer."""
    model = make_model(SETTINGS)
    model.fit_generator(batches, epochs=2, verbose=False)
    return model


def momentum(model):
    [state, *_] = model.optimizer.state_dict()["state"].values()
    return state["momentum_buffer"]


def test_weights_and_copies_of_them(trained, batches):
    """`get_weights` shows the network's own weights; copies stay as they were."""
    own, copies = trained.get_weights(), trained.get_weight_copies()
    assert list(own) == list(copies) == ["weight", "bias"]
    before = copies["weight"].clone()
    trained.fit_generator(batches, epochs=1, verbose=False)
    assert torch.equal(own["weight"], trained.network.weight)
    assert torch.equal(copies["weight"], before)
    assert not torch.equal(copies["weight"], own["weight"])
    trained.set_weights(copies)
    assert torch.equal(trained.network.weight, before)
    assert not copies["weight"].requires_grad


def test_copies_hold_what_is_no_tensor():
    """The extra state of a module is copied too."""

    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.seen = ["a"]

        def get_extra_state(self):
            return self.seen

        def set_extra_state(self, state):
            self.seen = state

    model = Model(Counts(), None, None)
    copies = model.get_weight_copies()
    model.network.seen.append("b")
    assert copies["_extra_state"] == ["a"]


def test_weights_that_do_not_fit(trained):
    """Other names are an error, or are told, when not strict."""
    with pytest.raises(RuntimeError, match="other"):
        trained.set_weights({"other": torch.zeros(1)})
    found = trained.set_weights({"other": torch.zeros(1)}, strict=False)
    assert found.missing_keys == ["weight", "bias"]
    assert found.unexpected_keys == ["other"]


@pytest.mark.parametrize("kind", [str, lambda path: path, "file"], ids=["str", "path", "file"])
def test_states_come_back_from_a_file(make_model, trained, batches, tmp_path, kind):
    """Weights and optimizer, saved and loaded, train on as if nothing had happened."""
    other = make_model(SETTINGS)
    for part in ("weights", "optimizer_state"):
        save, load = getattr(trained, f"save_{part}"), getattr(other, f"load_{part}")
        if kind == "file":
            file = io.BytesIO()
            save(file)
            file.seek(0)
            load(file)
        else:
            path = kind(tmp_path / f"{part}.pt")
            save(path)
            load(path)
    assert torch.equal(momentum(other), momentum(trained))
    for model in (trained, other):
        model.fit_generator(batches, epochs=1, verbose=False)
    assert torch.equal(other.network.weight, trained.network.weight)


def test_loaded_weights_tell_what_did_not_fit(make_model, tmp_path):
    """`load_weights` returns what `set_weights` does."""
    torch.save({"weight": torch.zeros(2, 3)}, tmp_path / "part.pt")
    model = make_model()
    with pytest.raises(RuntimeError, match="bias"):
        model.load_weights(tmp_path / "part.pt")
    assert model.load_weights(tmp_path / "part.pt", strict=False).missing_keys == ["bias"]
    assert not model.network.weight.any()


@pytest.mark.parametrize("part", ["weights", "optimizer_state"])
def test_code_in_a_file_is_not_run(make_model, tmp_path, monkeypatch, part):
    """A file that holds anything but tensors and plain types is refused, unread."""
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Hostile()}, "hostile.pt")
    with pytest.raises(pickle.UnpicklingError, match="Weights only"):
        getattr(make_model(), f"load_{part}")("hostile.pt")
    assert os.listdir() == ["hostile.pt"]


@pytest.mark.parametrize("part", ["weights", "optimizer_state"])
def test_a_failed_save_leaves_the_old_file(trained, tmp_path, monkeypatch, part):
    """When saving fails halfway, the file is the one from before, and nothing lies beside it."""
    path = tmp_path / "state.pt"
    save, load = getattr(trained, f"save_{part}"), getattr(trained, f"load_{part}")
    save(path)
    before = path.read_bytes()

    def full_disk(state, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full_disk)
        with pytest.raises(OSError, match="No space left"):
            save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["state.pt"]
    load(path)


@pytest.mark.parametrize("part", ["weights", "optimizer_state"])
def test_a_file_that_is_not_there(trained, tmp_path, part):
    """The error is the usual one, with the path."""
    with pytest.raises(FileNotFoundError, match=r"absent\.pt"):
        getattr(trained, f"load_{part}")(tmp_path / "absent.pt")


def test_an_optimizer_state_in_memory(make_model, trained):
    """`get_optimizer_state` and `set_optimizer_state` hand the state over."""
    other = make_model(SETTINGS)
    other.set_optimizer_state(trained.get_optimizer_state())
    assert torch.equal(momentum(other), momentum(trained))
    with pytest.raises(ValueError, match="group"):
        other.set_optimizer_state({"state": {}, "param_groups": []})


@pytest.mark.parametrize("method", ["get", "save", "set", "load"])
def test_a_state_needs_an_optimizer(make_model, tmp_path, method):
    """Without an optimizer there is no state, and no file is made."""
    torch.save({}, tmp_path / "state.pt")
    arguments = {"get": (), "set": ({},)}.get(method, (tmp_path / "state.pt",))
    before = (tmp_path / "state.pt").read_bytes()
    with pytest.raises(ValueError, match="made without an optimizer"):
        getattr(make_model(None), f"{method}_optimizer_state")(*arguments)
    assert (tmp_path / "state.pt").read_bytes() == before
