# SPDX-License-Identifier: MIT
"""What two processes must get right: each function runs in both."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.distributed import all_gather_object, get_rank, get_world_size
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from callbacks_checkpoint import (
    ModelCheckpoint,
    TrainingCheckpoint,
    load_checkpoint,
    load_sharded,
)
from callbacks_core import Callback, OptimizerSteps, TerminateOnNaN, stop_reason
from callbacks_core.testing import Recorder
from callbacks_policies import ClipNorm, Freeze
from callbacks_trainer import Model

CLOSE = {"rtol": 1e-5, "atol": 1e-6}
"""How far weights may be from those of one process: sums are added up in another order."""


def data(count: int) -> TensorDataset:
    """Return examples that can be learnt."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 3, generator=generator)
    return TensorDataset(x, (x.sum(1) > 0).long())


def make(optimizer: Any = None, *, seed: int = 0, **options: Any) -> Model:
    """Return a small classifier, the same each time."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = optimizer or {"optim": "sgd", "lr": 0.3, "momentum": 0.9}
    return Model(network, optimizer, "cross_entropy", **options)


def everyone(value: Any) -> list[Any]:
    """Return what all processes have."""
    values = [None] * get_world_size()
    all_gather_object(values, value)
    return values


def same(value: Any) -> None:
    """Check that all processes have the same."""
    values = everyone(value)
    assert all(other == values[0] for other in values), values


def weights(model: Model) -> list[Tensor]:
    """Return all weights, whole."""
    found = [weight.detach() for weight in model.network.state_dict().values()]
    return [weight.full_tensor() if hasattr(weight, "full_tensor") else weight for weight in found]


def agree(model: Model, other: Model, **tolerance: float) -> None:
    """Check that two models have the same weights, here and in all processes."""
    for one, two in zip(weights(model), weights(other), strict=True):
        torch.testing.assert_close(one, two, **(tolerance or CLOSE))
    same([weight.tolist() for weight in weights(model)])


def close(one: dict[str, float], other: dict[str, float]) -> None:
    """Check that two logs are the same but for their times."""
    assert one.keys() == other.keys(), (one, other)
    for name in one.keys() - {"time"}:
        torch.testing.assert_close(one[name], other[name], rtol=1e-5, atol=1e-5, msg=name)


def fitted(
    model: Model, batch_size: int, *callbacks: Callback, count: int = 32, **options: Any
) -> list[dict[str, float]]:
    """Train in order, so that a batch of two processes is a batch of one that is twice as big."""
    options = {"epochs": 3, "verbose": False, **options}
    train = DataLoader(data(count), batch_size)
    valid = DataLoader(data(11), 4)
    return model.fit_generator(train, valid, callbacks=list(callbacks), **options)


def both(
    steps: Callable[..., Any] | None = None,
    make: Callable[..., Model] = make,
    callbacks: Callable[[Model], list[Callback]] = lambda model: [],
    **options: Any,
) -> tuple[Model, Model]:
    """Train in two processes and in one; check weights and logs, and return the models."""
    together, alone = make(training_step=steps), make(training_step=steps, strategy=None)
    found = fitted(together, 4, *callbacks(together), **options)
    expected = fitted(alone, 8, *callbacks(alone), **options)
    agree(together, alone)
    for one, other in zip(found, expected, strict=True):
        close(one, other)
    same(found)
    return together, alone


def with_metrics(**options: Any) -> Model:
    """Return the model with metrics of all kinds."""
    from torchmetrics.classification import MulticlassF1Score

    return make(
        batch_metrics=["accuracy", ("top", lambda y_pred, y: y_pred.max(1).values.mean())],
        epoch_metrics=[MulticlassF1Score(2)],
        **options,
    )


def ddp_trains_as_one_process_does(folder: Path) -> None:
    """Weights, losses and metrics are those of one process with the same batches together."""
    together, alone = both(make=with_metrics)
    assert type(together.network) is nn.Sequential
    assert list(together.network.state_dict()) == list(alone.network.state_dict())
    scores, expected = (
        model.evaluate_generator(DataLoader(data(11), 4), return_dict_format=True, verbose=False)
        for model in (together, alone)
    )
    close(scores, expected)


def all_begin_with_the_weights_of_rank_zero(folder: Path) -> None:
    """Networks that were made with different seeds become the same one."""
    model = make(seed=get_rank())
    fitted(model, 4, epochs=1)
    alone = make(strategy=None)
    fitted(alone, 8, epochs=1)
    agree(model, alone)


def gradients_wait_for_the_last_batch_of_a_step(folder: Path) -> None:
    """Accumulated steps are those of one process, and inner batches tell nobody of gradients."""
    entered = []
    real = DistributedDataParallel.no_sync

    @contextmanager
    def counted(self: DistributedDataParallel) -> Any:
        entered.append(1)
        with real(self):
            yield

    DistributedDataParallel.no_sync = counted  # type: ignore[method-assign]
    try:
        both(batches_per_step=3, epochs=2)
    finally:
        DistributedDataParallel.no_sync = real  # type: ignore[method-assign]
    assert len(entered) == 2 * 2  # for batches 1 and 2 of an epoch; 3 and 4 make steps


def a_step_of_ones_own(folder: Path) -> None:
    """A training step that calls the network itself has the gradients of all, too."""

    def returning(model: Model, batch: Any) -> Tensor:
        x, y = batch
        return nn.functional.cross_entropy(model.network(x), y)

    def optimizing(model: Model, batch: Any) -> Tensor:
        for _ in range(2):
            loss = returning(model, batch)
            model.optimize(loss)
        return loss.detach()

    both(returning)
    both(returning, batches_per_step=2)
    both(optimizing)


def several_optimizers(folder: Path) -> None:
    """A step that uses its optimizers by name has the gradients of all."""

    def two(**options: Any) -> Model:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
        optimizers = {
            "first": torch.optim.SGD(network[0].parameters(), lr=0.1),
            "second": torch.optim.SGD(network[2].parameters(), lr=0.2),
        }
        return Model(network, optimizers, "cross_entropy", **options)

    def step(model: Model, batch: Any) -> Tensor:
        for name in ("first", "second"):
            loss = nn.functional.cross_entropy(model.network(batch[0]), batch[1])
            model.optimize(loss, name)
        return loss

    both(step, two)


def an_optimizer_with_a_closure(folder: Path) -> None:
    """LBFGS goes the same way in all processes, however often it asks for the loss."""
    options = {"optim": "lbfgs", "lr": 0.1, "max_iter": 5, "line_search_fn": "strong_wolfe"}
    model = make(options)
    history = fitted(model, 4)
    same([weight.tolist() for weight in weights(model)])
    assert history[-1]["loss"] < history[0]["loss"]


def frozen_weights(folder: Path) -> None:
    """Weights that are frozen and thawed on the way are trained by all processes or none."""
    both(callbacks=lambda model: [Freeze("0", until_epoch=2)], epochs=4)


def mixed_precision(folder: Path) -> None:
    """An overflow in one process is a skipped step in all."""

    class Overflow(nn.Module):
        def forward(self, y_pred: Tensor, y: Tensor) -> Tensor:
            loss = nn.functional.cross_entropy(y_pred.float(), y)
            return loss * (1e8 if get_rank() else 1)

    for precision in ("bf16", "fp16"):
        model = make(precision=precision)
        history = fitted(model, 4)
        same([weight.tolist() for weight in weights(model)])
        assert history[-1]["loss"] < history[0]["loss"]
    torch.manual_seed(0)
    model = Model(nn.Linear(3, 2), "sgd", Overflow(), precision="fp16")
    counted = OptimizerSteps()
    counted.watch(model.optimizer)
    fitted(model, 4)
    steps = counted.take()
    assert steps < 12
    same((steps, model.scaler.state_dict(), [weight.tolist() for weight in weights(model)]))


def evaluation_sees_each_example_once(folder: Path) -> None:
    """Scores, predictions and truths are those of one process, whatever the number of examples."""
    together, alone = with_metrics(), with_metrics(strategy=None)
    options: dict[str, Any] = {"return_pred": True, "return_ground_truth": True, "verbose": False}
    for count in (1, 2, 3, 7, 11, 16):
        for batch_size in (1, 2, 4):
            x, y = data(count).tensors
            found = together.evaluate(x, y, batch_size=batch_size, **options)
            expected = alone.evaluate(x, y, batch_size=batch_size, **options)
            torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(found[1], expected[1], rtol=1e-5, atol=1e-4)
            torch.testing.assert_close(found[2], expected[2])
            assert (found[3] == y.numpy()).all()
            prediction = together.predict(x, batch_size=batch_size, verbose=False)
            torch.testing.assert_close(prediction, expected[2])
    kept = together.evaluate(x, y, batch_size=5, concatenate_returns=False, **options)
    assert [len(part) for part in kept[2]] == [4, 4, 4, 4]
    batches = [(x, y)]
    assert len(together.predict_generator(batches, has_ground_truth=True, verbose=False)) == 16


class Acts(Callback):
    """Does something in one hook, in one process."""

    def __init__(self, hook: str, rank: int, action: Callable[[Any], None]) -> None:
        if get_rank() == rank:
            setattr(self, hook, lambda *arguments: action(self))


def stop(callback: Any) -> None:
    """Ask for a stop."""
    callback.model.stop_training = True


def a_stop_in_one_process_stops_all(folder: Path) -> None:
    """All end after the same batch, or the same epoch, with the same reason."""
    for rank in (0, 1):
        for hook, batches in (
            ("on_train_batch_begin", 1),
            ("on_train_batch_end", 1),
            ("on_backward_end", 1),
            ("on_epoch_begin", 1),
            ("on_epoch_end", 4),
            ("on_valid_end", 4),
            ("on_settled", 4),
            ("on_train_begin", 0),
        ):
            model, recorder = make(), Recorder()
            history = fitted(model, 4, Acts(hook, rank, stop), recorder)
            same(recorder.hooks)
            assert recorder.hooks.count("on_train_batch_end") == batches, hook
            assert len(history) == (batches > 0)
            assert stop_reason(model) == ("" if rank == get_rank() else "another process stopped")


def an_epoch_thrown_away_by_one_is_thrown_away_by_all(folder: Path) -> None:
    """A loss that is no number in one process ends the training of all without a validation."""

    class Loss(nn.Module):
        def forward(self, y_pred: Tensor, y: Tensor) -> Tensor:
            factor = float("nan") if get_rank() else 1.0
            return nn.functional.cross_entropy(y_pred, y) * factor

    torch.manual_seed(0)
    model, recorder = Model(nn.Linear(3, 2), "sgd", Loss()), Recorder()
    history = fitted(model, 4, TerminateOnNaN(), recorder)
    same(recorder.hooks)
    assert history == []
    assert "on_valid_begin" not in recorder.hooks
    same(stop_reason(model))


class Keeps(Callback):
    """Keeps what the network is given."""

    def __init__(self) -> None:
        self.epochs: list[list[Any]] = []

    def on_train_begin(self, logs: Any) -> None:
        def keep(module: nn.Module, args: Any) -> None:
            if module.training:
                self.epochs[-1] += args[0][:, 0].tolist()

        self._handle = self.model.network.register_forward_pre_hook(keep)

    def on_epoch_begin(self, epoch_number: int, logs: Any) -> None:
        self.epochs.append([])

    def on_train_end(self, logs: Any) -> None:
        self._handle.remove()


class Half(nn.Module):
    """A network that leaves some of its weights unused."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        used: Tensor = self.used(x)
        return used


def options_go_to_the_engine(folder: Path) -> None:
    """Weights that are not used are fine where DDP is told to look for them."""

    def half(**options: Any) -> Model:
        torch.manual_seed(0)
        strategy = {"name": "ddp", "find_unused_parameters": True}
        return Model(Half(), "sgd", "cross_entropy", **{"strategy": strategy, **options})

    both(make=half)


def a_compiled_forward(folder: Path) -> None:
    """What is compiled is trained together, with either strategy."""
    both(make=lambda **options: make(compile={"backend": "eager"}, **options))
    both(make=lambda **options: sharded(compile={"backend": "eager"}, **options))


def single_batches(folder: Path) -> None:
    """`train_on_batch` has the gradients of all."""
    together, alone = make(), make(strategy=None)
    x, y = data(8).tensors
    for model, part in ((together, slice(get_rank(), 8, 2)), (alone, slice(8))):
        for _ in range(3):
            model.train_on_batch(x[part], y[part])
    agree(together, alone)


def each_process_has_its_share(folder: Path) -> None:
    """An epoch is shared out, in another order each time; an odd example comes twice."""
    x, y = data(9).tensors
    keeps = Keeps()
    make().fit(x, y, batch_size=2, epochs=2, verbose=False, callbacks=keeps)
    firsts = sorted(x[:, 0].tolist())
    shares = everyone(keeps.epochs)
    for epoch in (0, 1):
        seen = shares[0][epoch] + shares[1][epoch]
        assert len(seen) == 10
        assert sorted(set(seen)) == sorted(set(firsts))
    assert shares[0][0] != shares[0][1]


def a_sampler_of_ones_own_is_kept(folder: Path) -> None:
    """It is told of each epoch, and the log tells once that the loader is used as it is."""

    class Told(DistributedSampler[Any]):
        epochs: ClassVar[list[int]] = []

        def set_epoch(self, epoch: int) -> None:
            self.epochs.append(epoch)

    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("callbacks_trainer")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        loader = DataLoader(data(8), 2, sampler=Told(data(8)))
        make().fit_generator(loader, epochs=2, verbose=False)
    finally:
        logger.removeHandler(handler)
    assert Told.epochs == [1, 2]
    expected = [
        "the training loader is used as it is in every process: it has a Told of its own",
    ]
    assert told == ([] if get_rank() else expected)


def the_process_with_the_fewest_batches_ends_an_epoch(folder: Path) -> None:
    """Of loaders that cannot be shared out, all take as many batches, and nobody waits."""
    batches = [(x[None], y[None]) for x, y in data(7)]
    own = batches[: 4 + 3 * get_rank()]
    for loader in (own, iter(own)):
        for batches_per_step in (1, 3):
            recorder, model = Recorder(), make()
            source = loader if isinstance(loader, list) else iter(own)
            model.fit_generator(
                source,
                epochs=1,
                batches_per_step=batches_per_step,
                callbacks=recorder,
                verbose=False,
            )
            assert recorder.hooks.count("on_train_batch_end") == 4
            same([weight.tolist() for weight in weights(model)])


def random_numbers_differ_between_processes(folder: Path) -> None:
    """A dropout drops other values in each process, though all were seeded alike."""
    torch.manual_seed(3)
    network = nn.Sequential(nn.Dropout(0.5), nn.Linear(64, 2))
    seen: list[Any] = []
    network[0].register_forward_hook(lambda module, args, output: seen.append(output.tolist()))
    model = Model(network, "sgd", "cross_entropy")
    x, y = torch.ones(8, 64), torch.zeros(8, dtype=torch.long)
    model.fit(x, y, batch_size=4, epochs=1, verbose=False)
    first, second = everyone(seen)
    assert first != second


def buffers_are_those_of_rank_zero(folder: Path) -> None:
    """A batch norm has the same averages everywhere when a validation begins."""
    for strategy in ("ddp", "fsdp"):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        model = Model(network, "sgd", "cross_entropy", strategy=strategy)
        seen: list[Tensor] = []

        def look(callback: Callback, seen: list[Tensor] = seen) -> None:
            seen.append(callback.model.network.get_buffer("1.running_mean").clone())

        fitted(model, 4, Acts("on_valid_begin", get_rank(), look), epochs=1)
        same(seen[0].tolist())
        assert seen[0].abs().sum() > 0


def sharded(**options: Any) -> Model:
    """Return the model with each layer sharded by itself."""
    strategy = options.pop("strategy", {"name": "fsdp", "min_parameters": 1})
    return make(strategy=strategy, **options)


def fsdp_trains_as_ddp_does(folder: Path) -> None:
    """Weights and logs of a sharded network are those of one process; names are unchanged."""
    from torch.distributed.tensor import DTensor

    together, alone = both(make=sharded)
    assert all(isinstance(weight, DTensor) for weight in together.network.parameters())
    assert list(together.network.state_dict()) == list(alone.network.state_dict())
    ddp = make()
    fitted(ddp, 4)
    agree(together, ddp)
    both(make=sharded, batches_per_step=3)
    both(
        make=sharded,
        callbacks=lambda model: [ClipNorm(list(model.network.parameters()), 0.05)],
    )
    x, _ = data(11).tensors
    options: dict[str, Any] = {"batch_size": 4, "verbose": False}
    torch.testing.assert_close(together.predict(x, **options), alone.predict(x, **options))


def fsdp_takes_an_optimizer_that_is_there(folder: Path) -> None:
    """It trains the weights that took the place of those it was made with."""

    def given(**options: Any) -> Model:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
        optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
        options = {"strategy": "fsdp", **options}
        return Model(network, optimizer, "cross_entropy", **options)

    both(make=given)
    model = make(strategy=None)
    fitted(model, 4, epochs=1)
    with pytest.raises(ValueError, match="has taken steps already"):
        Model(model.network, model.optimizer, "cross_entropy", strategy="fsdp")


def fsdp_leaves_what_is_sharded(folder: Path) -> None:
    """A network that was sharded before is trained as it is."""
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import init_device_mesh

    def before(**options: Any) -> Model:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
        if options.get("strategy", "fsdp") == "fsdp":
            fully_shard(network[0], mesh=init_device_mesh("cpu", (2,)))
            fully_shard(network, mesh=init_device_mesh("cpu", (2,)))
        options = {"strategy": "fsdp", **options}
        return Model(network, {"optim": "sgd", "lr": 0.1}, "cross_entropy", **options)

    both(make=before)


def fsdp_scales_gradients(folder: Path) -> None:
    """With fp16 an overflow in a part is a skipped step everywhere."""
    model = sharded(precision="fp16")
    history = fitted(model, 4)
    assert history[-1]["loss"] < history[0]["loss"]
    same((model.scaler.state_dict(), [weight.tolist() for weight in weights(model)]))


def weights_go_through_a_file(folder: Path) -> None:
    """Rank zero writes the whole weights, and all can load them, sharded or not."""
    for number, strategy in enumerate(("ddp", {"name": "fsdp", "min_parameters": 1})):
        model = make({"optim": "adam", "lr": 0.1}, strategy=strategy)
        fitted(model, 4, epochs=1)
        path, state = folder / f"{number}.pt", folder / f"{number}.optim"
        model.save_weights(path)
        model.save_optimizer_state(state)
        plain = torch.load(path, weights_only=True)
        assert [type(value) for value in plain.values()] == [Tensor] * 4
        copies = model.get_weight_copies()
        assert all(torch.equal(copies[name], plain[name]) for name in plain)
        other = make({"optim": "adam", "lr": 0.2}, strategy=strategy, seed=5)
        other.load_weights(path)
        other.load_optimizer_state(state)
        agree(other, model, rtol=0, atol=0)
        fitted(model, 4, epochs=1)
        fitted(other, 4, epochs=1)
        agree(other, model, rtol=0, atol=0)
        error, message = (RuntimeError, "rank 0 failed with") if get_rank() else (OSError, "")
        with pytest.raises(error, match=message):
            model.save_weights(path / "under a file.pt")


def checkpoints_of_both_kinds(folder: Path) -> None:
    """Rank zero saves a whole network, all a sharded one, and all get the best weights back."""
    for name, maker in (("whole", make), ("spread", sharded)):
        model, best = maker(), folder / name
        saver = ModelCheckpoint(best, monitor="val_loss", save_best_only=True, restore_best=True)
        fitted(model, 4, saver)
        assert best.is_dir() == (name == "spread")
        state = maker(seed=5).network.state_dict()
        if name == "spread":
            load_sharded(state, best)
        else:
            state = load_checkpoint(best)
        other = maker(seed=6)
        other.set_weights(state)
        agree(other, model, rtol=0, atol=0)


def a_run_that_is_gone_on_with(folder: Path) -> None:
    """After a restart of both processes, the weights are those of a run without one."""

    def dropping(seed: int = 0) -> Model:
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(3, 32), nn.Dropout(0.5), nn.Linear(32, 2))
        return Model(network, {"optim": "sgd", "lr": 0.1}, "cross_entropy")

    whole = dropping()
    fitted(whole, 4, epochs=4)
    begun = dropping()
    fitted(begun, 4, TrainingCheckpoint(folder), epochs=2)
    resumed = dropping(seed=7)
    history = fitted(resumed, 4, TrainingCheckpoint(folder), epochs=4, resume="auto")
    assert len(history) == 4
    agree(resumed, whole, rtol=0, atol=0)


CHECKS: dict[str, Callable[[Path], None]] = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__annotations__", {}).keys() == {"folder", "return"}
}
