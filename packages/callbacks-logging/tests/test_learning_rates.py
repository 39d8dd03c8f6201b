# SPDX-License-Identifier: MIT
import pickle
from types import SimpleNamespace

import pytest

from callbacks_core import SimpleModel
from callbacks_core.testing import play
from callbacks_logging import CSVLogger, TensorBoardLogger
from callbacks_logging._learning_rates import LearningRates


def model(*rates):
    return SimpleModel(None, SimpleNamespace(param_groups=[{"lr": rate} for rate in rates]))


def test_the_rates_are_those_of_the_last_step():
    """What a scheduler does afterwards does not count."""
    trained = model(1.0)
    rates = LearningRates()
    rates.begin(trained)
    trained.optimizer.param_groups[0]["lr"] = 0.5
    rates.step()
    trained.optimizer.param_groups[0]["lr"] = 0.25
    assert rates.values() == {"lr": 0.5}


def test_without_a_step_they_are_those_of_the_epochs_beginning():
    """A loop that does not tell of its steps gets an answer too."""
    trained = model(1.0, 2.0)
    rates = LearningRates()
    rates.begin(trained)
    trained.optimizer.param_groups[0]["lr"] = 0.5
    assert rates.values() == {"lr_group_0": 1.0, "lr_group_1": 2.0}


def test_a_rate_that_is_a_tensor_is_remembered_too():
    """Tensors are changed in place, by a scheduler for a captured optimizer."""
    torch = pytest.importorskip("torch")
    rate = torch.tensor(0.5)
    rates = LearningRates()
    rates.begin(model(rate))
    rate.mul_(0.5)
    assert rates.values() == {"lr": 0.5}


class Heavy:
    """A parameter that must not be copied."""

    def __reduce__(self):
        raise AssertionError("a parameter was pickled")


class Writer:
    def add_scalars(self, main_tag, tag_scalar_dict, global_step):
        pass


def test_a_logger_lets_go_of_the_optimizer(tmp_path):
    """Copying a logger after training copies no weights."""
    trained = model(1.0)
    trained.optimizer.param_groups[0]["params"] = [Heavy()]
    for logger in (CSVLogger(tmp_path / "log.csv"), TensorBoardLogger(Writer())):
        play(logger, [{"loss": 0.5}], model=trained)
        logger._model = None  # it is the loop's
        state = {name: value for name, value in vars(logger).items() if name != "_writer"}
        assert pickle.dumps(state)
