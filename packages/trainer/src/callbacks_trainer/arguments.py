# SPDX-License-Identifier: MIT
"""What is passed to the methods of a model, looked at before anything is done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from typing import Any, Final

from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset
from torch.utils.data import TensorDataset as TorchTensorDataset

from callbacks_core import did_you_mean, whole_number

from .data import TensorDataset

_OF_EXAMPLES: Final = (TensorDataset, TorchTensorDataset, Subset)
"""Datasets that hold single examples, and no batches, beyond doubt."""


def refuse_unknown(method: str, options: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise if there are options that a method does not have.

    Args:
        method: The method's name, for the message.
        options: What was given by name.
        known: The names there are.

    Raises:
        TypeError: There are; the message suggests the near miss.
    """
    names = list(known)
    for name in options:
        if name not in names:
            raise TypeError(
                f"{method}() has no argument {name!r}{did_you_mean(name, names)} "
                f"(there are {', '.join(sorted(names))})"
            )


def require_epochs(epochs: int, initial_epoch: int) -> None:
    """Raise unless there is an epoch to train, or the training is complete already.

    Raises:
        TypeError: A number is no whole number.
        ValueError: The last epoch comes before the first, by more than a training that is over.
    """
    whole_number("epochs", epochs, at_least=0)
    whole_number("initial_epoch", initial_epoch, at_least=1)
    if epochs < initial_epoch - 1:
        raise ValueError(
            f"`epochs` is the number of the last epoch, not how many there are: it is {epochs}, "
            f"below `initial_epoch`, {initial_epoch}; for {epochs} from there on pass "
            f"epochs={initial_epoch + epochs - 1}"
        )


def dataset_of(**data: Any) -> TensorDataset:
    """Return a dataset of tensors, arrays, or tuples of them, given by their names.

    Raises:
        TypeError: Something is none of these.
        ValueError: The lengths differ, or there is no example.
    """
    lengths: dict[str, int] = {}
    for name, value in data.items():
        _measure(name, value, lengths, whole=value)
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise ValueError(
            f"there must be as many targets as inputs, and the numbers of examples are {listed}"
        )
    empty = [name for name, length in lengths.items() if not length]
    if empty:
        raise ValueError(f"`{empty[0]}` is empty: there is no example")
    return TensorDataset(*data.values())


def _measure(name: str, value: Any, lengths: dict[str, int], *, whole: Any) -> None:
    if isinstance(value, tuple | list):
        for index, item in enumerate(value):
            _measure(f"{name}[{index}]", item, lengths, whole=whole)
        return
    if not (isinstance(value, Tensor) or hasattr(value, "__array__")):
        raise TypeError(
            f"`{name.partition('[')[0]}` must be a tensor, an array or a tuple of them, "
            f"not {_shortened(whole)}{_hint(whole)}"
        )
    shape = getattr(value, "shape", None)
    if shape is not None and not len(shape):
        raise TypeError(f"`{name}` is a scalar, and its first dimension must be that of examples")
    lengths[name] = len(value)


def _hint(value: object) -> str:
    if isinstance(value, DataLoader):
        return "; for a loader there are fit_generator, evaluate_generator and predict_generator"
    if isinstance(value, Dataset):
        return "; for a dataset there are fit_dataset, evaluate_dataset and predict_dataset"
    if isinstance(value, Mapping):
        return "; for examples of any structure there are fit_dataset and a Dataset of one's own"
    if isinstance(value, list):
        return "; torch.tensor(...) makes one of a list of numbers"
    return ""


def validation_dataset(data: Any) -> TensorDataset | None:
    """Return the dataset to validate with, of a pair of inputs and targets, or None for None.

    Raises:
        TypeError: *data* is no such pair, or holds something else than tensors and arrays.
        ValueError: The lengths differ, or there is no example.
    """
    if data is None:
        return None
    if not isinstance(data, tuple | list) or len(data) != 2:
        number = f"{type(data).__name__} of {len(data)}" if isinstance(data, tuple | list) else None
        hint = "; for the number of epochs write epochs=..." if isinstance(data, int) else ""
        raise TypeError(
            f"`validation_data` must be a pair (inputs, targets), "
            f"not {number or _shortened(data)}{hint}"
        )
    try:
        return dataset_of(x=data[0], y=data[1])
    except (TypeError, ValueError) as error:
        error.add_note("in `validation_data`")
        raise


def require_loader(argument: str, loader: object, method: str) -> None:
    """Raise if what should be a loader is data, or a dataset of single examples.

    Args:
        argument: The argument's name, for the message.
        loader: What was given.
        method: What takes data and datasets instead: ``"fit"``, ``"evaluate"`` or ``"predict"``.

    Raises:
        TypeError: It is; the message tells what takes it.
    """
    of_data = f"{method}({'x' if method == 'predict' else 'x, y'})"
    hint = ""
    if isinstance(loader, Tensor) or hasattr(loader, "__array__"):
        hint = f"; for data there is {of_data}"
    elif isinstance(loader, _OF_EXAMPLES):
        hint = f"; for a dataset there is {method}_dataset"
    elif method != "predict" and isinstance(loader, tuple) and _is_pair_of_tensors(loader):
        hint = f"; for data there is {of_data}, and a list with one batch is [(x, y)]"
    elif callable(loader) and not hasattr(loader, "__iter__"):
        hint = "; call it, and pass what it returns"
    elif any(hasattr(type(loader), name) for name in ("__iter__", "__getitem__")):
        return
    raise TypeError(
        f"`{argument}` must be a loader, something to iterate over that yields batches, "
        f"not {_shortened(loader)}{hint}"
    )


def _is_pair_of_tensors(loader: tuple[object, ...]) -> bool:
    return len(loader) == 2 and all(isinstance(item, Tensor) for item in loader)


def require_dataset(argument: str, dataset: object, method: str) -> None:
    """Raise if what should be a dataset is none, or holds no example.

    Args:
        argument: The argument's name, for the message.
        dataset: What was given.
        method: What takes data and loaders instead: ``"fit"``, ``"evaluate"`` or ``"predict"``.

    Raises:
        TypeError: It is no dataset.
        ValueError: It is empty.
    """
    hint = ""
    if isinstance(dataset, DataLoader):
        hint = f"; for a loader there is {method}_generator"
    elif isinstance(dataset, Tensor) or type(dataset).__module__ == "numpy":
        hint = f"; for data there is {method}({'x' if method == 'predict' else 'x, y'})"
    elif isinstance(dataset, IterableDataset):
        return
    elif hasattr(type(dataset), "__getitem__") and hasattr(type(dataset), "__len__"):
        if not len(dataset):  # type: ignore[arg-type]  # it has been looked for
            raise ValueError(f"`{argument}` is empty: there is no example")
        return
    elif isinstance(dataset, Dataset):
        return
    raise TypeError(
        f"`{argument}` must be a dataset, with examples by their index, "
        f"not {_shortened(dataset)}{hint}"
    )


def loader_arguments(options: object) -> dict[str, Any]:
    """Return arguments of `DataLoader` that were given in a mapping, or none.

    Raises:
        TypeError: It is no mapping, or there is no such argument.
    """
    return _arguments("dataloader_kwargs", options, DataLoader)


def display_arguments(options: object, display: Callable[..., object]) -> dict[str, Any]:
    """Return arguments of a progress display that were given in a mapping, or none.

    Raises:
        TypeError: It is no mapping, or there is no such argument.
    """
    return _arguments("progress_options", options, display)


def _arguments(argument: str, given: object, taker: Callable[..., object]) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"`{argument}` must be a mapping of names to values, not {given!r}")
    known = signature(taker).parameters
    for name in given:
        if name not in known and not any(one.kind is one.VAR_KEYWORD for one in known.values()):
            raise TypeError(
                f"`{argument}` has {name!r}, which {getattr(taker, '__name__', taker)} does not "
                f"know{did_you_mean(name, known)} (it knows {', '.join(known)})"
            )
    return dict(given)


def _shortened(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, str | int | float | list | None):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    if callable(value) and hasattr(value, "__name__"):
        return f"the {type(value).__name__} {value.__name__}"
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    return f"{type(value).__name__}{shape}"
