# SPDX-License-Identifier: MIT
"""The methods of a model that evaluate it and predict with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack

from torch.utils.data import Dataset

from callbacks_core import TrainingLoop, get_batch_size

from ._base import ModelBase, required
from ._outputs import Outputs
from ._results import scores, unpacked
from ._short import Callbacks
from ._steps import Steps
from ._training import with_progress
from .arguments import (
    dataset_of,
    loader_arguments,
    refuse_unknown,
    require_dataset,
    require_loader,
)
from .data import TensorDataset, make_loader
from .distributed import Loaders
from .explaining import Explained


class EvaluateOptions(TypedDict, total=False):
    """The options that the ways to evaluate share; see `Model.evaluate_generator`."""

    steps: int | None
    return_pred: bool
    return_ground_truth: bool
    return_dict_format: bool
    concatenate_returns: bool
    convert_to_numpy: bool
    verbose: bool
    progress_options: Mapping[str, Any] | None
    callbacks: Callbacks


class PredictOptions(TypedDict, total=False):
    """The options that the ways to predict share; see `Model.predict_generator`."""

    steps: int | None
    has_ground_truth: bool
    return_ground_truth: bool
    concatenate_returns: bool
    convert_to_numpy: bool
    verbose: bool
    progress_options: Mapping[str, Any] | None
    callbacks: Callbacks


_LOADING = ("batch_size", "num_workers", "collate_fn", "dataloader_kwargs")
_EVALUATE_OPTIONS = (*_LOADING, *EvaluateOptions.__annotations__)
_PREDICT_OPTIONS = (*_LOADING, *PredictOptions.__annotations__)


class EvaluationMethods(ModelBase):
    """``evaluate*`` and ``predict*``."""

    def evaluate_generator(
        self,
        generator: Iterable[Any],
        *,
        steps: int | None = None,
        return_pred: bool = False,
        return_ground_truth: bool = False,
        return_dict_format: bool = False,
        concatenate_returns: bool = True,
        convert_to_numpy: bool = True,
        verbose: bool = True,
        progress_options: Mapping[str, Any] | None = None,
        callbacks: Callbacks = None,
    ) -> Any:
        """Compute the loss and the metrics, in evaluation mode and without gradients.

        Args:
            generator: Pairs of inputs and targets.
            steps: Take so many batches; by default what there is.
            return_pred: Whether to return the predictions too.
            return_ground_truth: Whether to return the targets too.
            return_dict_format: Whether to return the loss and the metrics as the dict that
                `on_test_end` is given.
            concatenate_returns: Whether to join the batches; else they come as a list.
            convert_to_numpy: Whether predictions and targets become arrays; else they are tensors
                on the CPU.
            verbose: Whether to show the progress.
            progress_options: Arguments for the progress display.
            callbacks: What to call along the way.

        Returns:
            The loss, then the metrics if there are any (one number, or an array of several), then
            predictions and targets if asked for; a single one of them is returned by itself.

        Raises:
            TypeError: The loader yields something else than pairs.
            ValueError: There is no loss function, or the loader has no batch.
        """
        require_loader("generator", generator, "evaluate")
        required(self.loss_function, "a loss function")
        shape = {"concatenate_returns": concatenate_returns, "convert_to_numpy": convert_to_numpy}
        predictions, truths = Outputs(return_pred, **shape), Outputs(return_ground_truth, **shape)
        metrics = self.metrics.fresh()
        runner = Steps(self, metrics)
        generator, shared = Loaders(runner.group).evaluation(generator)
        listed = with_progress(callbacks, verbose, progress_options)
        with TrainingLoop(self.network, callbacks=listed, model=self) as loop:
            batches = loop.test(generator, steps=steps, summarize=runner.summary)
            with Explained(self.network, batches):
                for y_pred, y in runner.evaluate(batches):
                    predictions.add(y_pred)
                    truths.add(y)
        self.metrics.warn_of_nan(batches.logs)
        parts = [dict(batches.logs)] if return_dict_format else scores(batches.logs, "test_")
        parts += self._results(shared, predictions, truths)
        return unpacked(parts)

    def evaluate_dataset(
        self,
        dataset: Dataset[Any],
        *,
        batch_size: int = 32,
        num_workers: int = 0,
        collate_fn: Any = None,
        dataloader_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[EvaluateOptions],
    ) -> Any:
        """Compute the loss and the metrics of a dataset of pairs; see `evaluate_generator`."""
        refuse_unknown("evaluate_dataset", options, _EVALUATE_OPTIONS)
        require_dataset("dataset", dataset, "evaluate")
        loader = make_loader(
            dataset,
            batch_size=batch_size,
            num_workers=num_workers,
            collate_fn=collate_fn,
            options=loader_arguments(dataloader_kwargs),
            pin_memory=self.pins_memory,
        )
        return self.evaluate_generator(loader, **options)

    def evaluate(
        self,
        x: Any,
        y: Any,
        *,
        batch_size: int = 32,
        dataloader_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[EvaluateOptions],
    ) -> Any:
        """Compute the loss and the metrics of arrays or tensors; see `evaluate_generator`."""
        refuse_unknown("evaluate", options, _EVALUATE_OPTIONS)
        return self.evaluate_dataset(
            dataset_of(x=x, y=y),
            batch_size=batch_size,
            dataloader_kwargs=dataloader_kwargs,
            **options,
        )

    def evaluate_on_batch(
        self,
        x: Any,
        y: Any,
        *,
        return_pred: bool = False,
        return_dict_format: bool = False,
        convert_to_numpy: bool = True,
    ) -> Any:
        """Compute the loss and the metrics of one batch, without callbacks.

        The arguments and what is returned are as in `train_on_batch`.
        """
        result = self.evaluate_generator(
            [(x, y)],
            return_pred=return_pred,
            return_dict_format=return_dict_format,
            convert_to_numpy=convert_to_numpy,
            verbose=False,
        )
        if not return_dict_format:
            return result
        logs = result[0] if return_pred else result
        named = {name.removeprefix("test_"): logs[name] for name in logs if name != "time"}
        return (named, result[1]) if return_pred else named

    def predict_generator(
        self,
        generator: Iterable[Any],
        *,
        steps: int | None = None,
        has_ground_truth: bool = False,
        return_ground_truth: bool = False,
        concatenate_returns: bool = True,
        convert_to_numpy: bool = True,
        verbose: bool = True,
        progress_options: Mapping[str, Any] | None = None,
        callbacks: Callbacks = None,
    ) -> Any:
        """Predict, in evaluation mode and without gradients.

        Args:
            generator: Inputs; or pairs of inputs and targets, with *has_ground_truth*.
            steps: Take so many batches; by default what there is.
            has_ground_truth: Whether the loader yields targets too.
            return_ground_truth: Whether to return them after the predictions.
            concatenate_returns: Whether to join the batches; else they come as a list.
            convert_to_numpy: Whether to return arrays; else tensors on the CPU.
            verbose: Whether to show the progress.
            progress_options: Arguments for the progress display.
            callbacks: What to call along the way.

        Returns:
            The predictions, and the targets if asked for.

        Raises:
            TypeError: Targets are promised, and the loader yields something else than pairs.
            ValueError: The loader has no batch.
        """
        require_loader("generator", generator, "predict")
        has_ground_truth = has_ground_truth or return_ground_truth
        shape = {"concatenate_returns": concatenate_returns, "convert_to_numpy": convert_to_numpy}
        predictions, truths = Outputs(True, **shape), Outputs(return_ground_truth, **shape)
        runner = Steps(self, self.metrics)
        generator, shared = Loaders(runner.group).evaluation(generator)
        listed = with_progress(callbacks, verbose, progress_options)
        with TrainingLoop(self.network, callbacks=listed, model=self) as loop:
            batches = loop.predict(generator, steps=steps)
            with Explained(self.network, batches):
                for batch in batches:
                    if has_ground_truth:
                        x, y = runner.prepare(batch)
                        truths.add(y)
                    else:
                        x = runner.moved(batch)
                    predictions.add(runner.predict(x))
                    batches.record({}, get_batch_size(x))
        return unpacked(self._results(shared, predictions, truths))

    def _results(self, shared: bool, *several: Outputs) -> list[Any]:
        group = self.strategy.group if shared else None
        return [outputs.result(group) for outputs in several if outputs.wanted]

    def predict_dataset(
        self,
        dataset: Dataset[Any],
        *,
        batch_size: int = 32,
        num_workers: int = 0,
        collate_fn: Any = None,
        dataloader_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[PredictOptions],
    ) -> Any:
        """Predict a dataset; see `predict_generator`."""
        refuse_unknown("predict_dataset", options, _PREDICT_OPTIONS)
        require_dataset("dataset", dataset, "predict")
        loader = make_loader(
            dataset,
            batch_size=batch_size,
            num_workers=num_workers,
            collate_fn=collate_fn,
            options=loader_arguments(dataloader_kwargs),
            pin_memory=self.pins_memory,
        )
        return self.predict_generator(loader, **options)

    def predict(
        self,
        x: Any,
        *,
        batch_size: int = 32,
        dataloader_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[PredictOptions],
    ) -> Any:
        """Predict arrays or tensors; a tuple holds several inputs. See `predict_generator`."""
        refuse_unknown("predict", options, _PREDICT_OPTIONS)
        inputs = dataset_of(x=x)
        if isinstance(x, tuple | list):
            inputs = TensorDataset(*x)
        return self.predict_dataset(
            inputs, batch_size=batch_size, dataloader_kwargs=dataloader_kwargs, **options
        )

    def predict_on_batch(self, x: Any, *, convert_to_numpy: bool = True) -> Any:
        """Predict one batch, without callbacks."""
        return self.predict_generator([x], convert_to_numpy=convert_to_numpy, verbose=False)
