# SPDX-License-Identifier: MIT
import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from callbacks_core import Callback, CallbackList, SimpleModel, TrainingLoop
from callbacks_core.testing import play
from callbacks_policies import OptimizerPolicy, Phase, cosinespace, linspace


def network():
    return torch.nn.ModuleDict(
        {
            "body": torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)),
            "head": torch.nn.Linear(2, 1),
        }
    )


def unnamed():
    parts = network()
    groups = [{"params": list(part.parameters()), "lr": 9.0} for part in parts.values()]
    return torch.optim.SGD(groups, lr=0.1)


def named():
    parts = network()
    groups = [
        {"params": list(part.parameters()), "name": name, "lr": 9.0} for name, part in parts.items()
    ]
    return torch.optim.SGD(groups, lr=0.1)


def of_named_parameters():
    pairs = list(network().named_parameters())
    groups = [
        {"params": [pair for pair in pairs if pair[0].startswith(part)], "lr": 9.0}
        for part in ("body.0", "body.1", "head")
    ]
    return torch.optim.SGD(groups, lr=0.1)


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


@pytest.mark.parametrize(
    ("make", "group", "expected"),
    [
        (unnamed, None, [2.0, 2.0]),
        (unnamed, 0, [2.0, 9.0]),
        (unnamed, 1, [9.0, 2.0]),
        (named, "head", [9.0, 2.0]),
        (of_named_parameters, "head", [9.0, 9.0, 2.0]),
        (of_named_parameters, "body.1", [9.0, 2.0, 9.0]),
        (of_named_parameters, "body", [2.0, 2.0, 9.0]),
    ],
    ids=["all", "first", "second", "name", "module", "inner module", "several"],
)
def test_a_policy_drives_the_groups_that_it_is_for(make, group, expected):
    """By index, by a name of their own, or by that of the module which their parameters are of."""
    optimizer = make()
    model = SimpleModel(network(), optimizer)
    play(OptimizerPolicy([Phase(lr=[1, 2])], group=group), [{}], model=model)
    assert rates(optimizer) == expected


def test_each_group_can_have_a_policy():
    """They count by themselves, and do not touch what the others drive."""
    optimizer = named()
    body = OptimizerPolicy([Phase(lr=[1, 2, 3])], group="body")
    head = OptimizerPolicy([Phase(lr=[10, 20]), Phase(lr=[30])], group="head", initial_step=1)
    play([body, head], [{}], batches=2, model=SimpleModel(network(), optimizer))
    assert rates(optimizer) == [2, 30]


def test_only_the_group_that_is_driven_needs_the_setting():
    """What the others lack does not matter."""
    optimizer = unnamed()
    del optimizer.param_groups[0]["momentum"]
    policy = OptimizerPolicy([Phase(momentum=[0.5])], group=1)
    play(policy, [{}], model=SimpleModel(network(), unnamed()))
    with pytest.raises(ValueError, match="no setting 'momentum' in parameter group 0"):
        play(OptimizerPolicy([Phase(momentum=[0.5])]), [{}], model=SimpleModel(None, optimizer))


def test_groups_of_an_optimizer_that_has_loaded_a_state_are_driven():
    """It has other dicts then."""

    class Loads(Callback):
        def on_train_batch_end(self, batch_number, logs):
            self.model.optimizer.load_state_dict(self.model.optimizer.state_dict())

    optimizer = named()
    policy = OptimizerPolicy([Phase(lr=[1, 2, 3])], group="head")
    play([policy, Loads()], [{}], batches=3, model=SimpleModel(network(), optimizer))
    assert rates(optimizer) == [9, 3]
    assert policy.state_dict()["groups"] == [{"lr": 3.0}]


@given(after=st.integers(1, 6))
def test_a_resumed_run_is_the_uninterrupted_one(after):
    """With a policy for each group, after any step, without the optimizer's own state."""

    def policies():
        head = [Phase(lr=cosinespace(1, 0, 4))]
        return [
            OptimizerPolicy([Phase(lr=linspace(0, 1, 5))], group=0),
            OptimizerPolicy(head, group="head"),
        ]

    class Watch(Callback):
        def __init__(self):
            self.seen = []

        def on_backward_end(self, batch_number):
            self.seen.append(rates(self.model.optimizer))

    def train(callbacks, steps):
        optimizer = named()
        with TrainingLoop(network(), optimizer, callbacks=callbacks) as loop:
            for epoch in loop.epochs(1):
                for _ in epoch.train(range(steps)):
                    loop.backward_end()
                    optimizer.step()
                    loop.log(loss=0.0, size=1)

    whole, first, rest = Watch(), Watch(), Watch()
    train([*policies(), whole], 7)
    listed = CallbackList([*policies(), first])
    train(listed, after)
    file = io.BytesIO()
    torch.save(listed.state_dict(), file)
    file.seek(0)
    listed = CallbackList([*policies(), rest])
    listed.load_state_dict(torch.load(file, weights_only=True))
    train(listed, 7 - after) if after < 7 else None
    assert first.seen + rest.seen == whole.seen


@pytest.mark.parametrize(
    ("make", "group", "message"),
    [
        (unnamed, 2, "SGD has no parameter group 2: it has 2, counted from 0"),
        (unnamed, "head", "SGD has no parameter group 'head'; its groups have no names"),
        (named, "haed", "SGD has no parameter group 'haed'; there are 'body', 'head'; did you mean "
         "'head'?"),
        (of_named_parameters, "head.wieght", "SGD has no parameter group 'head.wieght'; there are "
         "'body', 'body.0', 'body.1', 'head'"),
    ],
    ids=["index", "nameless", "near", "parameter"],
)  # fmt: skip
def test_an_unknown_group_is_refused_before_the_first_batch(make, group, message):
    """With the names that there are and the near miss."""
    optimizer = make()
    policy = OptimizerPolicy([Phase(lr=[1])], group=group)
    with pytest.raises(ValueError, match="no parameter group") as caught:
        play(policy, [{}], model=SimpleModel(network(), optimizer))
    assert str(caught.value).startswith(message)
    assert set(rates(optimizer)) == {9.0}


@pytest.mark.parametrize(
    ("group", "error", "message"),
    [
        (-1, ValueError, "`group` must be at least 0, not -1"),
        ("", ValueError, "`group` must be the index or the name of a parameter group, not ''"),
        (1.0, TypeError, "`group` must be the index or the name of a parameter group, not 1.0"),
        (True, TypeError, "`group` must be the index or the name of a parameter group, not True"),
    ],
)
def test_what_is_no_group_is_refused_at_once(group, error, message):
    """Each message says what was expected and what came."""
    with pytest.raises(error) as caught:
        OptimizerPolicy([Phase(lr=[1])], group=group)
    assert str(caught.value) == message


def test_a_policy_for_a_group_says_so():
    """In its repr."""
    policy = OptimizerPolicy([Phase(lr=[1.0])], group="head")
    assert "\n    group: 'head'\n" in repr(policy)
