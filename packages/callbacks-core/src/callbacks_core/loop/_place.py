# SPDX-License-Identifier: MIT
"""The place in a loader where a run stands, and how another run gets there."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, cast

from ..callback import State
from ..random_states import get_random_states, set_random_states
from ..run_saver import ResumeError
from ..stateful import Stateful


class Place:
    """Where the passes over a loader stand, epoch after epoch.

    What decides the order of the batches is remembered as it was when the loader was begun with,
    and put back when another run goes to the same place: random states, and the states of the
    generators and samplers that a loader has.

    Args:
        name: What the loader is called in errors.

    Attributes:
        remembers: Whether anybody will ask for the `state`.
    """

    def __init__(self, name: str) -> None:
        self.remembers = False
        self._name = name
        self._pending: State | None = None
        self._settled: list[Any] = []
        self._forget()

    def _forget(self) -> None:
        self._loader: Any = None
        self._start: State = {}
        self._is_iterator = False
        self._before = 0  # batches of the pass that earlier rounds of the loader gave
        self._drawn = 0  # batches that an iterator gave in earlier passes

    def begin(self, loader: Iterable[Any], taken: int) -> Iterator[Any]:
        """Return the batches to come of a loader that is begun with.

        Args:
            loader: The loader.
            taken: The batches of this pass that it gave in earlier rounds.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            return self._go_to(loader, pending)
        if self.remembers:
            self._remember(loader, taken)
        return iter(loader)

    def _remember(self, loader: Any, taken: int) -> None:
        if self._is_iterator and loader is self._loader:
            return  # it goes on, and its order comes from when it was begun with
        self._loader, self._before, self._drawn = loader, taken, 0
        self._is_iterator = isinstance(loader, Iterator)
        self._start = {}
        if not _is_stateful(loader):
            self._start = {**_own_states(loader), "random": get_random_states()}

    def end_pass(self, taken: int) -> None:
        """Take note that a pass is over, after so many batches."""
        if self._is_iterator:
            self._drawn += taken
        self._before = 0

    def state(self, taken: int) -> State | None:
        """Return the place, in plain types and tensors; None before the first pass.

        Args:
            taken: The batches that the running pass has had; 0 when none is running.
        """
        loader = self._loader
        if loader is None:
            return self._pending
        random = get_random_states()
        own = loader.state_dict() if _is_stateful(loader) else None
        if own is not None:
            set_random_states(random)  # some loaders begin anew when they are asked
        return {
            "start": self._start,
            "now": {**_own_states(loader), "random": random if taken else None},
            "loader": own,
            "count": self._drawn + taken if self._is_iterator else taken - self._before,
            "before": 0 if self._is_iterator else self._before,
            "drawn": self._drawn,
            "is_iterator": self._is_iterator,
            "within": taken > 0,
        }

    def load(self, state: State | None, settled: list[Any]) -> None:
        """Go to a place when the loader is begun with next; None forgets where it stood.

        Args:
            state: What `state` returned.
            settled: The generators that have their saved state already, to which is added: two
                loaders may share one.
        """
        self._forget()
        self._pending, self._settled = state, settled

    def _go_to(self, loader: Any, state: State) -> Iterator[Any]:
        self._loader, self._start = loader, state["start"]
        self._before, self._drawn = state["before"], state["drawn"]
        self._is_iterator = isinstance(loader, Iterator)
        if self._is_iterator != state["is_iterator"] and state["count"]:
            raise ResumeError(f"the {self._name} loader is {_kind(self._is_iterator)}")
        own = state["loader"] if _is_stateful(loader) else None
        if own is not None:
            return self._ask(loader, own, state)
        if state["within"] or self._is_iterator:
            return self._replay(loader, state)
        _put_samplers(loader, state["now"])
        self._put_generators(loader, state["now"]["generators"])
        if self.remembers:
            self._remember(loader, 0)
        return iter(cast("Iterable[Any]", loader))

    def _ask(self, loader: Any, own: State, state: State) -> Iterator[Any]:
        """Let a loader go to its place by itself."""
        loader.load_state_dict(own)
        if state["within"]:
            iterator: Iterator[Any] = iter(loader)
            self._put_generators(loader, state["now"]["generators"])
            set_random_states(state["now"]["random"])
            return iterator
        if self.remembers:
            self._remember(loader, 0)
        random = get_random_states()
        loader.state_dict()  # has torchdata's go to where the last pass has left it
        if not getattr(getattr(loader, "_iterator", None), "_finished", True):
            iter(loader)  # the pass was left early, and the first iterator would go on with it
        self._put_generators(loader, state["now"]["generators"])
        set_random_states(random)  # so that it draws what it would have drawn for the next one
        return iter(loader)

    def _replay(self, loader: Any, state: State) -> Iterator[Any]:
        """Begin as it was begun with, and go through the batches that were done."""
        start, now = state["start"], state["now"]
        if not start:
            raise ResumeError(
                f"the {self._name} loader kept its own place, and {type(loader).__name__} does not"
            )
        random = get_random_states() if now["random"] is None else now["random"]
        set_random_states(start["random"])
        _put_samplers(loader, start)
        for generator, its_state in zip(_generators(loader), start["generators"], strict=False):
            generator.set_state(its_state)
        iterator: Iterator[Any] = iter(loader)
        self._skip(iterator, state["count"])
        self._put_generators(loader, now["generators"])
        set_random_states(random)
        return iterator

    def _put_generators(self, loader: Any, states: list[Any]) -> None:
        for generator, state in zip(_generators(loader), states, strict=False):
            if all(generator is not settled for settled in self._settled):
                generator.set_state(state)
                self._settled.append(generator)

    def _skip(self, iterator: Iterator[Any], count: int) -> None:
        source = _indices(self._loader, iterator)
        skipped = sum(1 for _ in islice(source, count))
        if skipped < count:
            raise ResumeError(
                f"the {self._name} loader has {skipped} batches, and {count} of them were done "
                f"when the run was saved: it is another loader"
            )


def _kind(is_iterator: bool) -> str:
    return "an iterator, and was none" if is_iterator else "no iterator, and was one"


def _is_stateful(loader: object) -> bool:
    return loader is not None and isinstance(loader, Stateful)


def _indices(loader: Any, iterator: Iterator[Any]) -> Iterator[Any]:
    """Return what to advance: the indices alone where the batches need not be loaded."""
    data = sys.modules.get("torch.utils.data")
    if data is None or not isinstance(loader, data.DataLoader):
        return iterator
    if loader.num_workers or isinstance(loader.dataset, data.IterableDataset):
        return iterator
    indices: Iterator[Any] = getattr(iterator, "_sampler_iter", iterator)
    return indices


def _parts(loader: Any) -> list[Any]:
    """Return the loader and its samplers: what may have a generator, or a state."""
    sampler, batches = (getattr(loader, name, None) for name in ("sampler", "batch_sampler"))
    return [loader, sampler, batches, getattr(batches, "sampler", None)]


def _generators(loader: Any) -> list[Any]:
    found: list[Any] = []
    for part in _parts(loader):
        generator = getattr(part, "generator", None)
        if hasattr(generator, "get_state") and all(generator is not known for known in found):
            found.append(generator)
    return found


def _samplers(loader: Any) -> list[Any]:
    found: list[Any] = []
    for part in _parts(loader)[1:]:
        if _is_stateful(part) and all(part is not known for known in found):
            found.append(part)
    return found


def _own_states(loader: Any) -> State:
    return {
        "generators": [generator.get_state() for generator in _generators(loader)],
        "samplers": [sampler.state_dict() for sampler in _samplers(loader)],
        "seeds": [sampler.seed for sampler in _seeded(loader)],
    }


def _seeded(loader: Any) -> list[Any]:
    """Return the samplers that draw from a seed and the epoch's number."""
    return [part for part in _parts(loader)[1:] if hasattr(part, "set_epoch") and _has_seed(part)]


def _has_seed(sampler: object) -> bool:
    return isinstance(getattr(sampler, "seed", None), int)


def _put_samplers(loader: Any, states: State) -> None:
    for sampler, state in zip(_samplers(loader), states["samplers"], strict=False):
        sampler.load_state_dict(state)
    for sampler, seed in zip(_seeded(loader), states["seeds"], strict=False):
        sampler.seed = seed
