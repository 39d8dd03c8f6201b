# SPDX-License-Identifier: MIT
import re

import pytest

from callbacks_core import Callback


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
