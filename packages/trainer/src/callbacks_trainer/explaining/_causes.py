# SPDX-License-Identifier: MIT
"""What is likely wrong, from what torch says and from what the batch held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from torch import Tensor
from torch.nn import Embedding, Module

from callbacks_core import get_batch_size

from ._describing import dtype_name
from ._evidence import Evidence

Cause = Callable[[Evidence, str], "str | None"]


def likely_cause(evidence: Evidence) -> str | None:
    """Return what is likely wrong and would help, or None if nobody knows."""
    text = str(evidence.error)
    for cause in _CAUSES:
        try:
            found = cause(evidence, text)
        except Exception:  # a guess must never hide what it is about
            continue
        if found:
            return found
    return None


def _fetching(evidence: Evidence, text: str) -> str | None:
    if not evidence.is_fetching or not _says(text, "stack expects", "default_collate"):
        return None
    return (
        "the examples of a batch must have tensors or numbers of one shape in every place; "
        "otherwise a `collate_fn` makes the batch of a list of them, such as one that pads"
    )


def _device_assert(evidence: Evidence, text: str) -> str | None:
    if "device-side assert" not in text:
        return None
    return (
        "an index was out of range, most often a label beyond the outputs or a word beyond an "
        'embedding, in this batch or one before; device="cpu" or CUDA_LAUNCH_BLOCKING=1 tells which'
    )


def _no_pair(evidence: Evidence, text: str) -> str | None:
    if "must be a pair (inputs, targets)" not in text:
        return None
    return (
        "several inputs or targets go into a tuple of their own, as in ((x1, x2), y); batches of "
        "any other structure need a `training_step` of the model, or a `collate_fn` that makes "
        "pairs"
    )


def _call(evidence: Evidence, text: str) -> str | None:
    if not isinstance(evidence.error, TypeError) or "positional argument" not in text:
        return None
    if evidence.metric is not None:
        return "a metric is called with the prediction and the truth"
    if "forward()" in text:
        return _call_of_forward(evidence)
    if "batch" in evidence.parts and "x" not in evidence.parts:
        return "training_step is called with the model and the batch"
    if "y_pred" in evidence.parts:
        return "the loss function is called with the prediction and the truth"
    return None


def _call_of_forward(evidence: Evidence) -> str:
    x = evidence.parts.get("x", evidence.parts.get("batch"))
    said = (
        "inputs in a tuple or list become the arguments of the network's forward, all others are "
        "one argument"
    )
    if "y" not in evidence.parts and isinstance(x, tuple | list) and len(x) == 2:
        said += "; if these are pairs of inputs and targets, pass has_ground_truth=True"
    if isinstance(x, tuple | list) and any(isinstance(item, str) for item in x):
        said += "; these are no tensor, and text has to be turned into numbers first"
    return said


def _labels(evidence: Evidence, text: str) -> str | None:
    y, y_pred = evidence.parts.get("y"), evidence.parts.get("y_pred")
    if not isinstance(y, Tensor) or not isinstance(y_pred, Tensor):
        return None
    if "out of bounds" in text and y_pred.dim() > 1:
        return _out_of_range(y, y_pred.shape[1])
    if "expected target dtype" in text or "expected scalar type Long" in text:
        return (
            f"targets of cross entropy must be class numbers, int64 of shape ({y_pred.shape[0]},), "
            f"or a share for each class, in the shape of the outputs; y.long() makes the former of "
            f"{dtype_name(y)}"
        )
    if "class probabilities" in text:
        return "one-hot targets must be y.float(); or take their class numbers, y.argmax(1)"
    if "multi-target not supported" in text or "0D or 1D target" in text:
        if y.dim() > 1 and y.shape[1] == 1:
            return "targets of cross entropy must be class numbers in one dimension: y.squeeze(1)"
        return (
            f"targets of cross entropy must be class numbers in one dimension, or a share for each "
            f"of the {y_pred.shape[1]} classes that the outputs have"
        )
    return None


def _out_of_range(y: Tensor, classes: int) -> str:
    low, high = y.min().item(), y.max().item()
    outputs = f"{classes} output{'s' if classes > 1 else ''}"
    said = (
        f"the network has {outputs}, so that labels go from 0 to {classes - 1}, "
        f"and those of this batch go from {low} to {high}"
    )
    if classes == 1:
        return f'{said}; with one output the loss is "binary_cross_entropy_with_logits"'
    if low >= 1 and high == classes:
        return f"{said}; if they count from 1, subtract 1"
    return f"{said}; give it {int(high) + 1} outputs, or `ignore_index` what shall not count"


def _index(evidence: Evidence, text: str) -> str | None:
    if "index out of range in self" not in text or evidence.layer is None:
        return None
    layer, x = evidence.layer[1], evidence.parts.get("x")
    if not isinstance(layer, Embedding) or not isinstance(x, Tensor):
        return None
    low, high = x.min().item(), x.max().item()
    return (
        f"the embedding takes indices from 0 to {layer.num_embeddings - 1}, "
        f"and the inputs go from {low} to {high}"
    )


def _devices(evidence: Evidence, text: str) -> str | None:
    own = _weight(evidence.network)
    found = {tensor.device for tensor in _tensors(evidence.parts)}
    if own is None or found <= {own.device}:
        return None
    return (
        f"the weights are on {own.device.type}: Model(..., device={str(own.device)!r}) moves the "
        f"batches there, and another device= moves all"
    )


def _types_of_inputs(evidence: Evidence, text: str) -> str | None:
    if not _says(text, "same dtype", "scalar type", "should be the same", "to have one of"):
        return None
    own, x = _weight(evidence.network), evidence.parts.get("x")
    if own is None or not isinstance(x, Tensor):
        return None
    if evidence.layer is not None and isinstance(evidence.layer[1], Embedding):
        return "an embedding takes whole numbers: x.long()"
    if x.dtype == own.dtype:
        return None
    weights = dtype_name(own)
    said = f"the inputs are {dtype_name(x)} and the weights are {weights}: give it x.float()"
    if dtype_name(x) == "float64":
        return f'{said}, or in NumPy x.astype("float32")'
    if dtype_name(x) in ("float16", "bfloat16"):
        return f'{said}; to compute with half as many bits there is precision="bf16"'
    return said


def _types_of_targets(evidence: Evidence, text: str) -> str | None:
    if not _says(text, "Found dtype", "can't be cast to the desired output type"):
        return None
    return "targets of this loss must be floating-point numbers, as the outputs are: y.float()"


def _numbers_of_examples(evidence: Evidence, text: str) -> str | None:
    parts = evidence.parts
    if "y_pred" not in parts or not _tensors(parts["y"]):
        return None
    inputs, targets = get_batch_size(parts["x"]), get_batch_size(parts["y"])
    if inputs == targets:
        return None
    return f"the inputs have {inputs} examples, and the targets {targets}"


def _probabilities(evidence: Evidence, text: str) -> str | None:
    if "between 0 and 1" not in text:
        return None
    return (
        "binary cross entropy takes probabilities: end the network with a sigmoid, or, which is "
        'more exact, take the loss "binary_cross_entropy_with_logits"'
    )


def _no_tensor(evidence: Evidence, text: str) -> str | None:
    if "must be Tensor, not" not in text:
        return None
    parts = evidence.parts
    if "y_pred" not in parts:
        return "the network was given what is no tensor, which its layers cannot take"
    y_pred, y = parts["y_pred"], parts.get("y")
    if y_pred is None:
        return "the network's forward returned None: is its return missing?"
    if not isinstance(y_pred, Tensor):
        return (
            "the loss function gets what the network returns: one of your own can take out of it "
            "what it needs, as in lambda y_pred, y: cross_entropy(y_pred[0], y)"
        )
    if isinstance(y, list | tuple) and any(isinstance(item, str) for item in y):
        return f"targets must be tensors: {type(y[0]).__name__} has to be turned into numbers first"
    return "targets must be what the loss function takes, which is a tensor for all of torch's"


def _no_gradients(evidence: Evidence, text: str) -> str | None:
    if "does not require grad" not in text:
        return None
    weights = list(evidence.network.parameters())
    if weights and not any(weight.requires_grad for weight in weights):
        return (
            "all weights are frozen: requires_grad is False for each of them, and there is "
            "nothing to train"
        )
    return (
        "the loss does not depend on any weight that is trained: is there a no_grad(), a detach() "
        "or an item() on the way, in the network or in the loss?"
    )


def _graph_kept(evidence: Evidence, text: str) -> str | None:
    if "backward through the graph a second time" not in text:
        return None
    return (
        "something is kept from the batch before, such as a hidden state: keep it without its "
        "history, state.detach()"
    )


def _in_place(evidence: Evidence, text: str) -> str | None:
    if "a leaf Variable that requires grad" in text:
        return "a weight is changed in place, which is for the optimizer, or for torch.no_grad()"
    if "modified by an inplace operation" in text:
        return (
            "something that the gradients need was changed in place, by +=, x[...] = or a function "
            "that ends with _; torch.autograd.set_detect_anomaly(True) shows where"
        )
    return None


def _single_example(evidence: Evidence, text: str) -> str | None:
    if "Expected more than 1 value per channel" not in text:
        return None
    return (
        "batch normalization cannot train on a single example, which the last batch of an epoch "
        'may be: dataloader_kwargs={"drop_last": True} leaves it out'
    )


def _memory(evidence: Evidence, text: str) -> str | None:
    if "out of memory" not in text:
        return None
    return (
        "smaller batches need less: find_batch_size finds the largest that fits, and "
        "batches_per_step=... makes one step of several"
    )


def _number_of_features(evidence: Evidence, text: str) -> str | None:
    if not _says(text, "cannot be multiplied", "to have", "size mismatch", "must match the size"):
        return None
    return "the shape of the inputs does not fit the layer" if evidence.layer else None


def _loss_without_tensor(evidence: Evidence, text: str) -> str | None:
    if "the loss must be a tensor" not in text:
        return None
    return "a loss function returns the tensor itself: without item(), float() or .numpy()"


def _says(text: str, *several: str) -> bool:
    return any(words in text for words in several)


def _weight(network: Module) -> Tensor | None:
    return next((weight for weight in network.parameters() if weight.is_floating_point()), None)


def _tensors(value: Any) -> list[Tensor]:
    return list(_leaves(value))


def _leaves(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _leaves(item)


_CAUSES: Final[tuple[Cause, ...]] = (
    _fetching,
    _no_pair,
    _memory,
    _device_assert,
    _call,
    _devices,
    _loss_without_tensor,
    _no_tensor,
    _numbers_of_examples,
    _labels,
    _index,
    _types_of_inputs,
    _types_of_targets,
    _probabilities,
    _no_gradients,
    _graph_kept,
    _in_place,
    _single_example,
    _number_of_features,
)
"""In the order in which they are asked: the more certain first."""
