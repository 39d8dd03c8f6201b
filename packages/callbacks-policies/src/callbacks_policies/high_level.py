# SPDX-License-Identifier: MIT
"""Policies that are ready to use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from callbacks_core import whole_number

from ._checks import finite, number, pair, positive
from .phase import Phase
from .spaces import constant, cosinespace, linspace


def one_cycle_phases(
    steps: int,
    lr: Sequence[float] = (0.1, 1.0),
    momentum: Sequence[float] = (0.95, 0.85),
    finetune_lr: float = 0.01,
    finetune_fraction: float = 0.1,
) -> list[Phase]:
    """Return the phases of the one-cycle policy.

    The learning rate climbs from ``lr[0]`` to ``lr[1]`` and comes down again while the momentum
    does the opposite; a last phase takes it down to *finetune_lr*. With learning rates that large
    a network may train in a fraction of the usual number of epochs. The phases last *steps*
    steps together; one that would last none is left out.

    Args:
        steps: The number of steps in all: epochs times steps per epoch.
        lr: The learning rate at the start and in the middle.
        momentum: The momentum at the start and in the middle.
        finetune_lr: The learning rate at the end; usually below both others.
        finetune_fraction: The part of the steps that the last phase gets, from 0 to 1.

    Returns:
        The phases, for an `OptimizerPolicy`.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *steps* is less than 1, *finetune_fraction* is outside of 0 to 1, or a number
            is not finite.

    References:
        Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
        Learning Rates", 2017, https://arxiv.org/abs/1708.07120
    """
    whole_number("steps", steps, at_least=1)
    low, high = pair("lr", lr)
    heavy, light = pair("momentum", momentum)
    finetune_lr = finite("finetune_lr", finetune_lr)
    if not 0 <= number("finetune_fraction", finetune_fraction) <= 1:
        raise ValueError(f"`finetune_fraction` must be from 0 to 1, not {finetune_fraction!r}")
    finetune_steps = int(steps * finetune_fraction)
    up_steps = (steps - finetune_steps) // 2
    down_steps = steps - finetune_steps - up_steps
    curves = (
        (up_steps, (low, high), (heavy, light)),
        (down_steps, (high, low), (light, heavy)),
        (finetune_steps, (low, finetune_lr), (heavy, heavy)),
    )
    return [
        Phase(lr=linspace(*rates, length), momentum=linspace(*momenta, length))
        for length, rates, momenta in curves
        if length
    ]


def sgdr_phases(
    base_cycle_length: int,
    cycles: int,
    lr: Sequence[float] = (1.0, 0.1),
    cycle_mult: float = 2,
) -> list[Phase]:
    """Return the phases of SGDR: cosines with warm restarts.

    In each cycle the learning rate falls from ``lr[0]`` to ``lr[1]``, and jumps back where the
    next one begins. Cycle *i*, counted from 0, lasts ``int(base_cycle_length * cycle_mult**i)``
    steps. The end of a cycle is a good moment to look at the network, or to keep it.

    Args:
        base_cycle_length: The number of steps of the first cycle.
        cycles: The number of cycles.
        lr: The learning rate at the start and at the end of a cycle.
        cycle_mult: How many times longer each cycle is than the one before.

    Returns:
        The phases, for an `OptimizerPolicy`.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: A number of steps or cycles is less than 1, *cycle_mult* is not positive and
            finite, or so small that a cycle would have no step.

    References:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016,
        https://arxiv.org/abs/1608.03983
    """
    whole_number("base_cycle_length", base_cycle_length, at_least=1)
    whole_number("cycles", cycles, at_least=1)
    start, end = pair("lr", lr)
    positive("cycle_mult", cycle_mult)
    finite("cycle_mult", cycle_mult)
    lengths = [int(base_cycle_length * cycle_mult**cycle) for cycle in range(cycles)]
    if min(lengths) < 1:
        raise ValueError(
            f"`cycle_mult` {cycle_mult!r} leaves cycle {lengths.index(0) + 1} of {cycles} without "
            f"a step"
        )
    return [Phase(lr=cosinespace(start, end, length)) for length in lengths]


def wsd_phases(
    steps: int,
    lr: Sequence[float],
    *,
    warmup_steps: int,
    decay_steps: int,
    final_lr: float = 0.0,
    decay: Callable[[float, float, int], Iterable[float]] = linspace,
) -> list[Phase]:
    """Return the phases of warm-up, stable and decay.

    The learning rate climbs from ``lr[0]`` to ``lr[1]``, stays there for most of the steps, and
    comes down to *final_lr* at the end. Unlike in a cosine the rates do not depend on the length
    of the run until the decay begins: a run that was stopped before can be continued for as long
    as one likes. The phases last *steps* steps together; one that would last none is left out.

    Args:
        steps: The number of steps in all: epochs times steps per epoch.
        lr: The learning rate at the start and on the level.
        warmup_steps: The steps of the climb; 0 for none.
        decay_steps: The steps of the fall, a tenth of all in the source; 0 for none.
        final_lr: The learning rate at the end.
        decay: The curve of the fall, such as `cosinespace` or `expspace`.

    Returns:
        The phases, for an `OptimizerPolicy`.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: *steps* is less than 1, another number of steps is negative, climb and fall are
            longer than the whole, or a number is not finite.

    References:
        Hu et al., "MiniCPM: Unveiling the Potential of Small Language Models with Scalable
        Training Strategies", 2024, https://arxiv.org/abs/2404.06395
    """
    whole_number("steps", steps, at_least=1)
    whole_number("warmup_steps", warmup_steps, at_least=0)
    whole_number("decay_steps", decay_steps, at_least=0)
    first, level = pair("lr", lr)
    final_lr = finite("final_lr", final_lr)
    if not callable(decay):
        raise TypeError(f"`decay` must be a function such as linspace, not {decay!r}")
    stable_steps = steps - warmup_steps - decay_steps
    if stable_steps < 0:
        raise ValueError(
            f"{warmup_steps} steps of warm-up and {decay_steps} of decay do not fit into {steps} "
            f"steps"
        )
    phases = []
    if warmup_steps:
        phases.append(Phase(lr=linspace(first, level, warmup_steps)))
    if stable_steps:
        phases.append(Phase(lr=constant(level, stable_steps)))
    if decay_steps:
        phases.append(Phase(lr=decay(level, final_lr, decay_steps)))
    return phases
