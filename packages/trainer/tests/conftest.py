# SPDX-License-Identifier: MIT
import re
import signal

import pytest
import torch
from hypothesis import settings
from torch import nn

from callbacks_core import Callback
from callbacks_trainer import Model

settings.register_profile("callboard", deadline=None)  # a busy machine fails no test
settings.load_profile("callboard")


@pytest.fixture
def batches():
    """Five batches of a task that can be learnt: four of 4 examples, and one of 2."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(18, 3, generator=generator)
    y = (x.sum(1) > 0).long()
    return list(zip(x.split(4), y.split(4), strict=True))


@pytest.fixture
def make_model():
    """Makes the same small classifier again and again."""

    def make(optimizer="sgd", loss_function="cross_entropy", **options):
        torch.manual_seed(0)
        return Model(nn.Linear(3, 2), optimizer, loss_function, **options)

    return make


@pytest.fixture
def acting():
    """Makes a callback that does something in one hook: ``acting(hook, action)``."""

    class Acting(Callback):
        def __init__(self, hook, action):
            setattr(self, hook, lambda *arguments: action(self, *arguments))

    return Acting


@pytest.fixture
def interruptible():
    """Let SIGINT raise `KeyboardInterrupt`, which a job in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def follows_the_grammar():
    """Tell whether hooks come in the order that the docstring of `Callback` describes."""
    text = re.search(r"order of the hooks::\n\n(.*?)\n\n", Callback.__doc__, re.DOTALL)[1]
    expression = ""
    for token in re.findall(r"\w+|[][(){}*?]", text):
        if token in ("[", "(", "{"):
            expression += "(?:"
        elif token in ("]", ")", "}"):
            expression += ")"
        elif token in ("*", "?"):
            expression += token
        else:
            expression += f"{token} " if token == "close" else f"on_{token} "
    grammar = re.compile(expression)
    return lambda hooks: grammar.fullmatch("".join(f"{hook} " for hook in hooks)) is not None
