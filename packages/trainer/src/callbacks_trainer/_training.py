# SPDX-License-Identifier: MIT
"""The methods of a model that train it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack

from torch import Tensor
from torch.optim import Optimizer
from torch.utils.data import Dataset

from callbacks_core import (
    CallbackList,
    NetworkMode,
    Pass,
    PathLike,
    TrainingLoop,
    loader_length,
    whole_number,
)

from ._base import ModelBase, required
from ._closures import step_with_closure, train_with_closure
from ._custom import CustomSteps, train_custom
from ._results import on_batch_result
from ._short import Callbacks, Plan, shortened
from ._steps import Steps
from .arguments import (
    dataset_of,
    loader_arguments,
    refuse_unknown,
    require_dataset,
    require_epochs,
    require_loader,
    validation_dataset,
)
from .data import make_loader
from .distributed import Loaders, listening_together
from .explaining import Explained, warn_of_loss
from .optimizers import needs_closure
from .progress import default_progress


class FitOptions(TypedDict, total=False):
    """The options that the three ways to fit share; `Model.fit_generator` describes them."""

    epochs: int
    steps_per_epoch: int | None
    validation_steps: int | None
    batches_per_step: int
    initial_epoch: int
    verbose: bool
    progress_options: Mapping[str, Any] | None
    callbacks: Callbacks
    resume: PathLike | None
    strict: bool
    fast_dev_run: bool | int
    limit_batches: int | float | None
    overfit_batches: int | None


class TrainingMethods(ModelBase):
    """``fit``, ``fit_dataset``, ``fit_generator`` and ``train_on_batch``."""

    def fit_generator(
        self,
        train_generator: Iterable[Any],
        valid_generator: Iterable[Any] | None = None,
        *,
        epochs: int = 1000,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        batches_per_step: int = 1,
        initial_epoch: int = 1,
        verbose: bool = True,
        progress_options: Mapping[str, Any] | None = None,
        callbacks: Callbacks = None,
        resume: PathLike | None = None,
        strict: bool = False,
        fast_dev_run: bool | int = False,
        limit_batches: int | float | None = None,
        overfit_batches: int | None = None,
    ) -> list[dict[str, float]]:
        """Train on batches from anything that can be iterated over.

        Args:
            train_generator: Pairs of inputs and targets: a `DataLoader`, a list, a generator.
                Inputs in a tuple or list become the network's arguments.
            valid_generator: Likewise, for a validation after each epoch.
            epochs: The number of the last epoch.
            steps_per_epoch: Take so many batches for an epoch; a loader that ends before is
                started again. By default an epoch is what the loader holds.
            validation_steps: Likewise for validation.
            batches_per_step: Make one optimizer step for so many batches, with the gradients of
                one batch as big as all of them; what is left at an epoch's end makes a smaller
                step.
            initial_epoch: The number of the first epoch.
            verbose: Whether to show the progress.
            progress_options: Arguments for the progress display.
            callbacks: What to call along the way, in this order. The progress display comes
                first.
            resume: ``"auto"`` goes on with the newest run that a `TrainingCheckpoint` among the
                callbacks has saved, if there is one; a path with that file, or the newest one of
                a folder. See `TrainingLoop`.
            strict: Whether to refuse to go on when callbacks or arguments are others than those
                of the saved run. Otherwise the log tells of it.
            fast_dev_run: Whether to try everything out: one epoch of one batch, or of so many,
                without the callbacks that only watch or save. No file of a real run is touched.
            limit_batches: Take so many batches of each loader at most; or, as a fraction such as
                0.1, this part of it.
            overfit_batches: Take the first so many batches once, train on them in every epoch, and
                validate with them: a network and a loop without mistakes learn them by heart.

        Returns:
            The logs of each epoch, those before a run was gone on with as well.

        Raises:
            TypeError: An argument is of the wrong kind, or a loader yields something else than
                pairs.
            ValueError: There is no optimizer or loss function, a number is out of range, a loader
                has no batch or runs dry, the loss is no scalar, or a saved run does not fit.
        """
        require_loader("train_generator", train_generator, "fit")
        if valid_generator is not None:
            require_loader("valid_generator", valid_generator, "fit")
        require_epochs(epochs, initial_epoch)
        required(self.optimizer, "an optimizer")
        if not self.has_own_step or valid_generator is not None:
            required(self.loss_function, "a loss function")
        _refuse_accumulation(self.optimizer, batches_per_step)
        self.refuse_scaled_closures()
        whole_number("batches_per_step", batches_per_step, at_least=1)
        for name, number in (
            ("steps_per_epoch", steps_per_epoch),
            ("validation_steps", validation_steps),
        ):
            if number is not None:
                whole_number(name, number, at_least=1)
        steps = Steps(self, self.metrics)
        loaders = Loaders(self.strategy.group)
        train_generator = loaders.training(train_generator, steps_per_epoch)
        if valid_generator is not None:
            valid_generator, _ = loaders.evaluation(valid_generator)
        plan = Plan(
            train=train_generator,
            valid=valid_generator,
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps=steps_per_epoch,
            valid_steps=validation_steps,
            callbacks=callbacks,
            resume=resume,
        )
        plan = shortened(
            plan,
            fast_dev_run=fast_dev_run,
            limit_batches=limit_batches,
            overfit_batches=overfit_batches,
        )
        listed = with_progress(plan.callbacks, verbose, progress_options)
        return self._fit(plan, steps, listed, batches_per_step, strict)

    def _fit(
        self, plan: Plan, steps: Steps, callbacks: CallbackList, batches_per_step: int, strict: bool
    ) -> list[dict[str, float]]:
        listed = listening_together(callbacks, self.strategy.group, plan.train)
        with TrainingLoop(
            self.network,
            callbacks=listed,
            model=self,
            resume=plan.resume,
            strict=strict,
            arguments={"batches_per_step": batches_per_step},
        ) as loop:
            for epoch in loop.epochs(
                plan.epochs,
                initial_epoch=plan.initial_epoch,
                steps=_steps(plan.steps, plan.train),
                valid_steps=_steps(plan.valid_steps, plan.valid),
                validated=plan.valid is not None,
            ):
                self._warn_of_nan(loop.history)
                self.metrics.reset()
                batches = epoch.train(
                    plan.train,
                    steps=plan.steps,
                    summarize=steps.summary,
                    look_ahead=batches_per_step > 1,
                )
                self.strategy.begin(self.network)
                with Explained(self.network, batches, epoch.number):
                    self._train(steps, batches, batches_per_step)
                self.strategy.end(self.network)
                if plan.valid is None:
                    continue
                self.metrics.reset()
                valid = epoch.valid(plan.valid, steps=plan.valid_steps, summarize=steps.summary)
                with Explained(self.network, valid, epoch.number):
                    for _ in steps.evaluate(valid):
                        pass
        self._warn_of_nan(loop.history)
        return loop.history

    def _warn_of_nan(self, history: list[dict[str, float]]) -> None:
        warn_of_loss(history)
        self.metrics.warn_of_nan(*history[-1:])

    def _train(self, steps: Steps, batches: Pass[Any], batches_per_step: int) -> None:
        optimizer = required(self.optimizer, "an optimizer")
        if self.has_own_step and batches_per_step == 1:
            train_custom(self, steps, batches)
        elif self.has_own_step:
            custom = CustomSteps(self, steps, batches, batches_per_step)
            steps.train_accumulating(batches, batches_per_step, custom.run)
        elif needs_closure(optimizer):
            train_with_closure(steps, batches)
        elif batches_per_step == 1:
            steps.train(batches)
        else:
            steps.train_accumulating(batches, batches_per_step, steps.loss_and_values)

    def fit_dataset(
        self,
        train_dataset: Dataset[Any],
        valid_dataset: Dataset[Any] | None = None,
        *,
        batch_size: int = 32,
        num_workers: int = 0,
        collate_fn: Any = None,
        dataloader_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[FitOptions],
    ) -> list[dict[str, float]]:
        """Train on a dataset, shuffled in each epoch.

        Args:
            train_dataset: The examples: pairs of an input and a target.
            valid_dataset: Likewise, for validation; never shuffled.
            batch_size: The number of examples in a batch.
            num_workers: The number of processes that load them.
            collate_fn: Makes a batch of a list of examples.
            dataloader_kwargs: Further arguments of `DataLoader`, which go before these.
            **options: Those of `fit_generator`.

        Returns:
            The logs of each epoch.

        Raises:
            TypeError: As `fit_generator`.
            ValueError: As `fit_generator`.
        """
        refuse_unknown("fit_dataset", options, _OPTIONS)
        require_dataset("train_dataset", train_dataset, "fit")
        if valid_dataset is not None:
            require_dataset("valid_dataset", valid_dataset, "fit")
        shared = {
            "batch_size": batch_size,
            "num_workers": num_workers,
            "collate_fn": collate_fn,
            "pin_memory": self.pins_memory,
        }
        given = loader_arguments(dataloader_kwargs)
        train = make_loader(train_dataset, shuffle=True, options=given, **shared)
        valid = None
        if valid_dataset is not None:
            ordered = {key: value for key, value in given.items() if key not in _TRAINING_ONLY}
            valid = make_loader(valid_dataset, options=ordered, **shared)
        return self.fit_generator(train, valid, **options)

    def fit(
        self,
        x: Any,
        y: Any,
        validation_data: tuple[Any, Any] | None = None,
        *,
        batch_size: int = 32,
        dataloader_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[FitOptions],
    ) -> list[dict[str, float]]:
        """Train on arrays or tensors, shuffled in each epoch.

        Args:
            x: The inputs: a tensor, an array, or a tuple of them for several inputs.
            y: The targets, likewise.
            validation_data: Inputs and targets for validation.
            batch_size: The number of examples in a batch.
            dataloader_kwargs: Further arguments of `DataLoader`, which go before these.
            **options: Those of `fit_generator`.

        Returns:
            The logs of each epoch.

        Raises:
            TypeError: As `fit_generator`.
            ValueError: As `fit_generator`, or the lengths differ.
        """
        refuse_unknown("fit", options, _OPTIONS)
        return self.fit_dataset(
            dataset_of(x=x, y=y),
            validation_dataset(validation_data),
            batch_size=batch_size,
            dataloader_kwargs=dataloader_kwargs,
            **options,
        )

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        *,
        return_pred: bool = False,
        return_dict_format: bool = False,
        convert_to_numpy: bool = True,
    ) -> Any:
        """Make one optimizer step on a batch, without callbacks.

        Args:
            x: The inputs.
            y: The targets.
            return_pred: Whether to return the predictions too.
            return_dict_format: Whether to return the loss and the metrics as a dict.
            convert_to_numpy: Whether predictions become arrays.

        Returns:
            The loss, then the metrics if there are any, then the predictions if asked for; a
            single one of them is returned by itself.

        Raises:
            ValueError: There is no optimizer or loss function, the loss is no scalar, or the model
                has a training step of its own.
        """
        optimizer = required(self.optimizer, "an optimizer")
        if self.has_own_step:
            raise ValueError(
                "train_on_batch trains with the loss function, and not with the model's own "
                "training step: use fit_generator([batch], epochs=1)"
            )
        metrics = self.metrics.fresh()
        steps = Steps(self, metrics)
        self.strategy.begin(self.network)
        mode = NetworkMode(self.network)
        mode.train()
        try:
            with Explained(self.network):
                x, y = steps.prepare((x, y))
                loss, y_pred = _one_step(steps, optimizer, x, y)
        finally:
            mode.restore()
        values = {**steps.values(loss, y_pred, y), **metrics.compute()}
        return on_batch_result(
            values, y_pred if return_pred else None, return_dict_format, convert_to_numpy
        )


_LOADING = ("batch_size", "num_workers", "collate_fn", "dataloader_kwargs")
_OPTIONS = (*_LOADING, *FitOptions.__annotations__)
_TRAINING_ONLY = ("shuffle", "sampler", "batch_sampler", "drop_last")


def _one_step(steps: Steps, optimizer: Optimizer, x: Any, y: Any) -> tuple[Tensor, Any]:
    if needs_closure(optimizer):
        return step_with_closure(steps, optimizer, x, y)
    optimizer.zero_grad()
    loss, y_pred = steps.trained(x, y)
    steps.precision.backward(loss)
    steps.precision.step(optimizer, lambda: None)
    return loss, y_pred


def _refuse_accumulation(optimizer: Optimizer | None, batches_per_step: int) -> None:
    if optimizer is not None and needs_closure(optimizer) and batches_per_step != 1:
        raise ValueError(
            f"{type(optimizer).__name__} computes the loss of a batch several times, and cannot "
            f"accumulate: `batches_per_step` must be 1, not {batches_per_step!r}"
        )


def _steps(steps: int | None, loader: Iterable[Any] | None) -> int | None:
    return loader_length(loader) if steps is None and loader is not None else steps


def with_progress(
    callbacks: Callbacks, verbose: bool, progress_options: Mapping[str, Any] | None
) -> CallbackList:
    """Return the callbacks, with the progress display first if it is wanted."""
    listed = callbacks if isinstance(callbacks, CallbackList) else CallbackList(callbacks)
    if not verbose:
        return listed
    return CallbackList([default_progress(progress_options), listed])
