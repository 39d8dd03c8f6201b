# SPDX-License-Identifier: MIT
"""A training with all it needs in a directory of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import Module
from torch.utils.data import Dataset

from callbacks_checkpoint import load_checkpoint
from callbacks_core import (
    Callback,
    CallbackList,
    Mode,
    PathLike,
    as_path,
    did_you_mean,
    is_rank_zero,
)
from callbacks_core.run_saver import run_savers
from callbacks_trainer import Model, set_deterministic, set_seeds

from ._log import write_log
from ._results import Checkpoint, Results
from ._task import Task, monitored, task_named

if TYPE_CHECKING:
    from callbacks_trainer.losses import LossFunction
    from callbacks_trainer.metrics import MetricLike
    from callbacks_trainer.optimizers import OptimizerLike


class Experiment(Results):
    """A model that trains, tests and predicts, with everything it leaves behind in one directory.

    ::

        experiment = Experiment("runs/digits", network, task="classification")
        experiment.train(train_loader, valid_loader, epochs=50)
        experiment.test(test_loader)

    Running the same script again goes on where the last run has ended, were it killed in the
    middle of an epoch's save: it ends bit for bit where a run that nobody has interrupted ends. A
    training that is complete is not trained again.

    The directory holds ``log.tsv`` (a row for each epoch), ``checkpoint_epoch_N.ckpt`` (the weights
    whenever they were better than ever), ``checkpoint.ckpt``, ``checkpoint.optim``,
    ``checkpoint.randomstate``, ``last.epoch`` and ``lr_sched_N.lrsched`` (the last epoch, a file
    for each part), ``run`` (all of a run in one file: what a new start goes on with),
    ``tensorboard``, ``plots``, ``environment.json`` (what each start ran on) and ``NAME_log.tsv``
    (the results of tests).

    Args:
        directory: The directory; it is made when there is something to write.
        network: The network.
        device: As for `Model`.
        logging: Whether to write anything at all.
        optimizer: As for `Model`.
        loss_function: As for `Model`; by default the network's attribute of this name, or what is
            usual for the task: cross entropy, or the mean squared error.
        batch_metrics: As for `Model`; by default likewise: the accuracy for a classification.
        epoch_metrics: As for `Model`; by default likewise: the F-score for a classification.
        monitoring: Whether to find out the best epoch. Otherwise the last one counts.
        monitor_metric: The value in the log that tells which epoch is best; by default
            ``val_fscore_macro`` for a classification and ``val_loss`` for everything else. Without
            a validation the default is the same without ``val_``.
        monitor_mode: ``"min"`` or ``"max"``, when neither the task nor the name tells.
        task: ``"classification"`` or ``"regression"``, for the defaults above.
        **options: Further arguments of `Model`, such as ``precision="bf16"``.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: A name or a mode is unknown or missing.

    Attributes:
        model: The model.
        directory: The directory.
        monitor_metric: The value that tells which epoch is best.
        monitor_mode: ``"min"`` or ``"max"``.
    """

    def __init__(
        self,
        directory: PathLike,
        network: Module,
        *,
        device: Any = None,
        logging: bool = True,
        optimizer: OptimizerLike = "sgd",
        loss_function: LossFunction | str | None = None,
        batch_metrics: Iterable[MetricLike] | None = None,
        epoch_metrics: Iterable[MetricLike] | None = None,
        monitoring: bool = True,
        monitor_metric: str | None = None,
        monitor_mode: Mode | None = None,
        task: str | None = None,
        **options: Any,
    ) -> None:
        as_path("directory", directory)  # first, or what is wrong with two swapped is not seen
        usual = task_named(task)
        model = Model(
            network,
            optimizer,
            _given(loss_function, network, "loss_function", usual.loss_function),
            batch_metrics=_given(batch_metrics, network, "batch_metrics", usual.batch_metrics),
            epoch_metrics=_given(epoch_metrics, network, "epoch_metrics", usual.epoch_metrics),
            device=device,
            **options,
        )
        self._set_up(directory, model, logging, monitoring, usual, monitor_metric, monitor_mode)

    @classmethod
    def from_model(
        cls,
        directory: PathLike,
        model: Model,
        *,
        logging: bool = True,
        monitoring: bool = True,
        monitor_metric: str | None = None,
        monitor_mode: Mode | None = None,
    ) -> Experiment:
        """Return an experiment with a model that is there already, of a class of one's own maybe.

        Args:
            directory: As for the class, like all others.
            model: The model.
            logging: Whether to write anything at all.
            monitoring: Whether to find out the best epoch.
            monitor_metric: The value in the log that tells which one it is.
            monitor_mode: ``"min"`` or ``"max"``.

        Raises:
            TypeError: *model* is no `Model`.
            ValueError: A mode is unknown or missing.
        """
        if not isinstance(model, Model):
            raise TypeError(f"`model` must be a Model, not {type(model).__name__}")
        experiment = cls.__new__(cls)
        experiment._set_up(
            directory, model, logging, monitoring, task_named(None), monitor_metric, monitor_mode
        )
        return experiment

    def _set_up(
        self,
        directory: PathLike,
        model: Model,
        logging: bool,
        monitoring: bool,
        usual: Task,
        metric: str | None,
        mode: Mode | None,
    ) -> None:
        self.model = model
        self.logging = logging
        name, mode = monitored(usual, metric, mode)
        Results.__init__(self, directory, monitoring, name, mode, may_change=metric is None)

    def train(
        self,
        train_generator: Iterable[Any],
        valid_generator: Iterable[Any] | None = None,
        **options: Any,
    ) -> list[dict[str, float]]:
        """Train on batches, going on where an earlier run has ended.

        Args:
            train_generator: As for `Model.fit_generator`.
            valid_generator: Likewise.
            **options: Further arguments of `Model.fit_generator`, such as ``epochs`` and
                ``callbacks``; ``resume`` is ``"auto"`` by default, and None begins anew. And

                - ``lr_schedulers``: Learning-rate schedulers, which are saved too.
                - ``keep_only_last_best``: Whether to remove the weights of an epoch that was the
                  best, when there is a better one.
                - ``save_every_epoch``: Whether to save the weights of each epoch.
                - ``disable_tensorboard``: Whether to do without a log for TensorBoard.
                - ``seed``: For `set_seeds`, 42 by default; None leaves the generators alone.
                - ``deterministic``: Likewise; see `set_deterministic`.

        Returns:
            The logs of each epoch, from the first one on.

        Raises:
            FileExistsError: Another program has saved a training in the directory.
            ResumeError: The directory holds the run of another network or optimizer.
            ValueError: As for `Model.fit_generator`.
        """
        return self._train(
            self.model.fit_generator,
            (train_generator, valid_generator),
            validated=valid_generator is not None,
            **options,
        )

    def train_dataset(
        self, train_dataset: Dataset[Any], valid_dataset: Dataset[Any] | None = None, **options: Any
    ) -> list[dict[str, float]]:
        """Train on a dataset; arguments are those of `Model.fit_dataset`, otherwise as `train`."""
        return self._train(
            self.model.fit_dataset,
            (train_dataset, valid_dataset),
            validated=valid_dataset is not None,
            **options,
        )

    def train_data(
        self, x: Any, y: Any, validation_data: tuple[Any, Any] | None = None, **options: Any
    ) -> list[dict[str, float]]:
        """Train on arrays or tensors; arguments are those of `Model.fit`, otherwise as `train`."""
        return self._train(
            self.model.fit,
            (x, y, validation_data),
            validated=validation_data is not None,
            **options,
        )

    def _train(
        self,
        fit: Callable[..., list[dict[str, float]]],
        data: Sequence[Any],
        *,
        validated: bool,
        callbacks: Iterable[Callback] | Callback | None = None,
        lr_schedulers: Iterable[Callback] | None = None,
        keep_only_last_best: bool = False,
        save_every_epoch: bool = False,
        disable_tensorboard: bool = False,
        seed: int | None = 42,
        deterministic: bool = False,
        **options: Any,
    ) -> list[dict[str, float]]:
        if deterministic:
            set_deterministic()
        own = CallbackList(callbacks).callbacks
        schedulers = list(lr_schedulers or ())
        metric = self._metric(validated)
        if not self.logging or options.get("fast_dev_run"):  # which touches no file of a run
            _seed(seed)
            return fit(*data, callbacks=[*schedulers, *own], **options)
        files, has_saver = self._files, bool(list(run_savers(own)))
        if not has_saver:
            files.refuse_foreign()
        listed = list(files.loggers(tensorboard=not disable_tensorboard))
        if self.monitoring:
            listed.append(
                files.best(
                    metric,
                    self.monitor_mode,
                    keep_only_last=keep_only_last_best,
                    every_epoch=save_every_epoch,
                    verbose=bool(options.get("verbose", True)),
                )
            )
        elif save_every_epoch:
            listed.append(files.every_epoch())
        listed += [*files.last_ones(), *files.schedulers(schedulers), *own]
        if not has_saver:
            listed.append(files.whole_run())
        files.note_environment()
        _seed(seed)
        history = fit(*data, callbacks=listed, **{"resume": "auto", **options})
        best = {metric.removeprefix("val_"): self.monitor_mode} if self.monitoring else {}
        files.draw(history, best)
        _wait_for_all()
        return history

    def _metric(self, validated: bool) -> str:
        """Return the name of the value that tells the best epoch.

        Raises:
            ValueError: It comes from a validation, and there is none.
        """
        name = self.monitor_metric
        if validated or not name.startswith("val_"):
            return name
        if self._may_change_metric:
            return name.removeprefix("val_")
        if self.monitoring:
            raise ValueError(
                f"`monitor_metric` is {name!r}, and there is no validation: pass validation data, "
                f"or monitor {name.removeprefix('val_')!r}"
            )
        return name

    def test(self, test_generator: Iterable[Any], **options: Any) -> Any:
        """Evaluate the best weights.

        Args:
            test_generator: As for `Model.evaluate_generator`.
            **options: Further arguments of `Model.evaluate_generator`; and

                - ``checkpoint``: The weights; see `load_checkpoint`. By default the best ones, or
                  the last ones if the experiment does not monitor.
                - ``seed``: For `set_seeds`, 42 by default; None leaves the generators alone.
                - ``name``: What the results' file is called: ``NAME_log.tsv``.

        Returns:
            The loss and the metrics as a dict; with ``return_pred`` or ``return_ground_truth`` a
            tuple of it and these.

        Raises:
            FileNotFoundError: There are no such weights.
            ValueError: ``return_dict_format`` is false.
        """
        return self._test(self.model.evaluate_generator, (test_generator,), **options)

    def test_dataset(self, test_dataset: Dataset[Any], **options: Any) -> Any:
        """Evaluate on a dataset: arguments of `Model.evaluate_dataset`, otherwise as `test`."""
        return self._test(self.model.evaluate_dataset, (test_dataset,), **options)

    def test_data(self, x: Any, y: Any, **options: Any) -> Any:
        """Evaluate on arrays or tensors: arguments of `Model.evaluate`, otherwise as `test`."""
        return self._test(self.model.evaluate, (x, y), **options)

    def _test(
        self,
        evaluate: Callable[..., Any],
        data: Sequence[Any],
        *,
        checkpoint: Checkpoint = "best",
        seed: int | None = 42,
        name: str = "test",
        return_dict_format: bool = True,
        verbose: bool = True,
        **options: Any,
    ) -> Any:
        if not return_dict_format:
            raise ValueError("a test of an experiment returns a dict: leave out return_dict_format")
        if not name or os.sep in name or name.startswith("."):
            raise ValueError(f"`name` must do for a file's name, not {name!r}")
        epoch = self._load(checkpoint, verbose=verbose)
        _seed(seed)
        result = evaluate(*data, return_dict_format=True, verbose=verbose, **options)
        logs = result[0] if isinstance(result, tuple) else result
        if self.logging and is_rank_zero():
            values = {key: float(value) for key, value in logs.items() if key != "time"}
            write_log(self._files.test_log(name), {**epoch, **values})
        return result

    def infer(self, generator: Iterable[Any], **options: Any) -> Any:
        """Predict with the best weights.

        Args:
            generator: As for `Model.predict_generator`.
            **options: Further arguments of `Model.predict_generator`; and ``checkpoint`` and
                ``seed`` as for `test`.

        Returns:
            As for `Model.predict_generator`.

        Raises:
            FileNotFoundError: There are no such weights.
        """
        return self._infer(self.model.predict_generator, generator, **options)

    def infer_dataset(self, dataset: Dataset[Any], **options: Any) -> Any:
        """Predict on a dataset: arguments of `Model.predict_dataset`, otherwise as `infer`."""
        return self._infer(self.model.predict_dataset, dataset, **options)

    def infer_data(self, x: Any, **options: Any) -> Any:
        """Predict on arrays or tensors: arguments of `Model.predict`, otherwise as `infer`."""
        return self._infer(self.model.predict, x, **options)

    def _infer(
        self,
        predict: Callable[..., Any],
        data: Any,
        *,
        checkpoint: Checkpoint = "best",
        seed: int | None = 42,
        verbose: bool = True,
        **options: Any,
    ) -> Any:
        self._load(checkpoint, verbose=verbose)
        _seed(seed)
        return predict(data, verbose=verbose, **options)

    def load_checkpoint(self, checkpoint: Checkpoint = "best", *, verbose: bool = False) -> None:
        """Load weights that were saved, once they were found to be whole.

        Args:
            checkpoint: ``"best"``, ``"last"``, the number of an epoch, or a file.
            verbose: Whether to print what is loaded.

        Raises:
            DamagedCheckpointError: The file is not what was saved.
            FileNotFoundError: There are no such weights.
            RuntimeError: They are those of another network.
        """
        path, epoch = self._find(checkpoint)
        hint = did_you_mean(checkpoint, ("best", "last"))
        if hint and not path.exists():
            raise FileNotFoundError(f"there are no weights in a file {os.fspath(path)!r}{hint}")
        if verbose and is_rank_zero():
            which = f" of epoch {int(epoch['epoch'])}" if epoch else ""
            print(f"Loading the weights{which} from {os.fspath(path)}")
        self.model.set_weights(load_checkpoint(path))

    def _load(self, checkpoint: Checkpoint, *, verbose: bool) -> dict[str, float]:
        """Load weights for a test, and return the number of their epoch where there is one."""
        if not self.logging and checkpoint == "best":
            return {}
        self.load_checkpoint(checkpoint, verbose=verbose)
        return self._find(checkpoint)[1]


def _given(value: Any, network: Module, name: str, usual: Any) -> Any:
    if value is not None:
        return value
    own = getattr(network, name, None)
    return usual if own is None else own


def _seed(seed: int | None) -> None:
    if seed is not None:
        set_seeds(seed)


def _wait_for_all() -> None:
    """Wait, where several processes train together, until the first one has written everything."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
