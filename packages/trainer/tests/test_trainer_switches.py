# SPDX-License-Identifier: MIT
import copy

import pytest
import torch
from torch import nn

from callbacks_trainer import Model


def images():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 3, 6, 6, generator=generator)
    return [(part, (part.mean((1, 2, 3)) > 0).long()) for part in x.split(4)]


def make_cnn(**options):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)
    )
    return Model(network, {"optim": "sgd", "lr": 0.1}, "cross_entropy", **options)


def graphs_into(graphs):
    """Return a backend for torch.compile that only notes what it is given."""

    def backend(graph, example_inputs):
        graphs.append(graph)
        return graph.forward

    return backend


def test_a_compiled_model_is_the_same_model(acting):
    """The network is compiled, and neither its class nor its weights tell of it."""
    graphs, seen = [], []
    plain, compiled = make_cnn(), make_cnn(compile={"backend": graphs_into(graphs)})
    network = compiled.network
    look = acting("on_train_batch_end", lambda callback, *_: seen.append(callback.model.network))
    expected = plain.fit_generator(images(), images(), epochs=2, verbose=False)
    found = compiled.fit_generator(images(), images(), epochs=2, callbacks=look, verbose=False)
    assert len(graphs) == 2  # of training and of evaluation
    assert all(one is network for one in seen)
    assert isinstance(network, nn.Sequential)
    assert list(network.state_dict()) == list(plain.network.state_dict())
    for (name, one), other in zip(
        network.state_dict().items(), plain.network.state_dict().values(), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-5), name
    assert [epoch["val_loss"] for epoch in found] == pytest.approx(
        [epoch["val_loss"] for epoch in expected], abs=1e-4
    )


def test_a_copy_is_compiled_anew():
    """A deep copy of a compiled model computes with weights of its own."""
    model = make_cnn(compile={"backend": "eager"})
    x, _ = images()[0]
    before = model.predict_on_batch(x)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.network[-1].weight.zero_()
        other.network[-1].bias.fill_(3)
    assert (other.predict_on_batch(x) == 3).all()
    assert (model.predict_on_batch(x) == before).all()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("yes", TypeError, "`compile` must be True, False or a mapping of the arguments of"),
        ({"backend": "inductr"}, ValueError, "no backend 'inductr'; did you mean 'inductor'?"),
    ],
)
def test_a_wrong_compile_is_refused(given, error, message):
    """The error tells what is accepted, when the model is made."""
    with pytest.raises(error) as caught:
        make_cnn(compile=given)
    assert message in str(caught.value)


def test_a_missing_compiler_is_told_of(monkeypatch, tmp_path):
    """Without a C++ compiler the error comes at once, and tells what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(
        RuntimeError, match=r"needs a C\+\+ compiler, and there is no g\+\+, .* inst"
    ):
        make_cnn(compile=True)
    monkeypatch.setenv("CXX", "icpx")
    with pytest.raises(RuntimeError, match="there is no icpx here"):
        make_cnn(compile=True)


@pytest.mark.parametrize(
    "step", [None, lambda model, batch: model.loss_function(model.network(batch[0]), batch[1])]
)
def test_channels_come_last(step):
    """Weights and images are laid out so, and all the numbers stay what they are."""
    plain, other = make_cnn(), make_cnn(channels_last=True, training_step=step)
    layouts = []
    other.network[0].register_forward_hook(
        lambda module, args, output: layouts.append(
            args[0].is_contiguous(memory_format=torch.channels_last)
        )
    )
    expected = plain.fit_generator(images(), images(), epochs=2, verbose=False)
    found = other.fit_generator(images(), images(), epochs=2, verbose=False)
    prediction = other.predict_on_batch(images()[0][0])
    assert layouts == [True] * 13
    assert other.network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert found[-1]["val_loss"] == pytest.approx(expected[-1]["val_loss"], abs=1e-4)
    assert prediction == pytest.approx(plain.predict_on_batch(images()[0][0]), abs=1e-4)


def test_channels_last_is_yes_or_no():
    """Anything else is refused."""
    with pytest.raises(TypeError, match="`channels_last` must be True or False, not 'conv'"):
        make_cnn(channels_last="conv")
