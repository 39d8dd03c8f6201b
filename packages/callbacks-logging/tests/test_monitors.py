# SPDX-License-Identifier: MIT
import copy
import logging
import pickle
import sys
from types import SimpleNamespace

import pytest

from callbacks_core import CallbackList, LambdaCallback, SimpleModel, _dispatch
from callbacks_core.testing import play
from callbacks_logging import CallbackTimer, DeviceMemoryMonitor, HistoryLogger, ThroughputMonitor
from callbacks_logging.monitors import callback_timer, throughput


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def pass_by(self, seconds):
        """Return a hook that takes so long."""

        def hook(*_):
            self.now += seconds

        return hook


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (throughput, callback_timer):
        monkeypatch.setattr(module, "perf_counter", clock)
    return clock


def times(clock, wait=0.0, step=0.0, after=0.0, settled=0.0):
    """Callbacks around the monitor that let time pass where a training would."""
    begin = LambdaCallback(on_train_batch_begin=clock.pass_by(wait))
    end = LambdaCallback(on_backward_end=clock.pass_by(step))
    late = LambdaCallback(
        on_train_batch_end=clock.pass_by(after), on_batch_settled=clock.pass_by(settled)
    )
    return begin, end, late


def test_throughput_and_the_wait_for_data(clock):
    """Two steps of 3 s, each after a wait of 1 s, with 8 and 4 examples."""
    begin, end, late = times(clock, wait=1.0, step=3.0)
    batches = [{"size": 8}, {"size": 4}]
    [logs] = play([begin, ThroughputMonitor(), end, late], [{}], batches=batches).history
    assert logs["samples_per_second"] == 12 / 8
    assert logs["batches_per_second"] == 2 / 8
    assert logs["data_wait_share"] == 2 / 8


def test_what_callbacks_do_is_no_wait_for_data(clock):
    """Wherever they stand in the list, but the first settled callbacks come before the last."""
    begin, end, late = times(clock, wait=1.0, step=1.0, after=2.0)
    monitor = ThroughputMonitor()
    [logs] = play([begin, monitor, end, late], [{}], batches=2).history
    assert logs["data_wait_share"] == 2 / 8
    assert logs["batches_per_second"] == 2 / 8


def test_each_epoch_is_counted_by_itself_and_without_the_validation(clock):
    """A slow validation, and a slow end of an epoch, change nothing."""
    slow = LambdaCallback(on_valid_end=clock.pass_by(50.0), on_epoch_end=clock.pass_by(50.0))
    begin, end, _ = times(clock, step=0.5)
    history = play(
        [begin, end, ThroughputMonitor(), slow], [{"val_loss": 1.0}] * 2, batches=4
    ).history
    assert [logs["batches_per_second"] for logs in history] == [2.0, 2.0]


def test_no_value_is_read_from_the_device():
    """The sizes are plain numbers; the loss stays where it is."""
    torch = pytest.importorskip("torch")
    kept = []
    keep = LambdaCallback(on_train_batch_end=lambda batch, logs: kept.append(logs.peek("loss")))
    play([ThroughputMonitor(), keep], [{}], batches=[{"loss": torch.tensor(1.0)}])
    assert torch.is_tensor(kept[0])


def test_loggers_have_the_values():
    """Those after the monitor in the list."""
    history = HistoryLogger()
    play([ThroughputMonitor(), DeviceMemoryMonitor(), history], [{"loss": 1.0}])
    assert {"samples_per_second", "process_memory_peak"} <= history.epochs[0].keys()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_of_the_process_grows_with_what_it_holds():
    """A hundred MiB more are a hundred MiB more."""
    held = []
    hold = LambdaCallback(on_epoch_begin=lambda epoch, logs: held.append(b"x" * (epoch * 10**8)))
    first, second = play([hold, DeviceMemoryMonitor()], [{}] * 2).history
    grown = second["process_memory"] - first["process_memory"]
    assert 150 < grown < 400
    assert second["process_memory_peak"] >= second["process_memory"] * 0.99


def test_memory_of_devices(monkeypatch):
    """The names tell devices apart where there are several."""

    class Device:
        def __init__(self, index):
            self.index = index

    devices = [Device(0), Device(1)]
    cuda = SimpleNamespace(
        memory_allocated=lambda device: (device.index + 1) * 2**20,
        memory_reserved=lambda device: 2**21,
        max_memory_allocated=lambda device: 2**22,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda, Tensor=Device))

    def logs_of(*found):
        weights = [SimpleNamespace(device=device, is_cuda=True) for device in found]
        network = SimpleNamespace(parameters=lambda: weights)
        return play(DeviceMemoryMonitor(), [{}], model=SimpleModel(network)).history[0]

    one, two = logs_of(devices[0], devices[0]), logs_of(*reversed(devices))
    assert (one["memory_allocated"], one["memory_reserved"], one["memory_peak"]) == (1, 2, 4)
    assert (two["memory_allocated_cuda_0"], two["memory_allocated_cuda_1"]) == (1, 2)
    assert "memory_allocated" not in two


@pytest.mark.gpu
def test_memory_of_a_gpu():
    """What torch's allocator says, without a wait."""
    torch = pytest.importorskip("torch")
    network = torch.nn.Linear(1024, 1024, bias=False, device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        [logs] = play(DeviceMemoryMonitor(), [{}], model=SimpleModel(network)).history
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert logs["memory_reserved"] >= logs["memory_allocated"] >= 4
    assert logs["memory_peak"] >= logs["memory_allocated"]


class Slow(LambdaCallback):
    """A callback whose steps take long."""


def busy(*_):
    sum(range(20_000))


def test_a_slow_callback_is_named_once(clock, caplog, monkeypatch):
    """With its share; the quick one is not."""
    monkeypatch.setattr(_dispatch, "perf_counter_ns", lambda: round(clock() * 1e9))
    slow = Slow(on_train_batch_end=clock.pass_by(1e-3))
    quick = LambdaCallback(on_train_batch_end=clock.pass_by(1e-6))
    step = LambdaCallback(on_train_batch_begin=clock.pass_by(1e-4))
    play([quick, slow, step, CallbackTimer(verbose=False)], [{}] * 3, batches=4)
    [message] = [record.getMessage() for record in caplog.records]
    assert message.startswith("Slow takes ")
    assert "in epoch 1" in message


def test_what_is_quick_in_steps_is_not_named(caplog, clock):
    """A long time at the end of an epoch is no part of a step."""
    slow = Slow(on_epoch_end=busy)
    step = LambdaCallback(on_backward_end=clock.pass_by(1.0))
    play([slow, step, CallbackTimer(verbose=False)], [{}] * 2)
    assert caplog.records == []


def test_the_table_tells_all_and_the_logs_the_sum(capsys, caplog):
    """Each hook of each callback, of this training alone; callbacks of a class together."""
    caplog.set_level(logging.ERROR)
    timer = CallbackTimer()
    callbacks = CallbackList([Slow(on_train_batch_end=busy), Slow(on_train_batch_end=busy), timer])
    for _ in range(2):
        [logs] = play(callbacks, [{}], batches=5).history
        line = next(line for line in timer.table.splitlines() if "Slow" in line)
        assert line.split()[:2] == ["Slow.on_train_batch_end", "10"]
        assert logs["callback_time"] > 0
    assert capsys.readouterr().out.count("Slow.on_train_batch_end") == 2
    assert timer._list is None


def test_other_ranks_print_nothing(monkeypatch, capsys):
    """They have their table all the same."""
    monkeypatch.setenv("RANK", "1")
    timer = CallbackTimer()
    play([timer], [{}])
    assert capsys.readouterr().out == ""
    assert "CallbackTimer.on_epoch_begin" in timer.table


def test_hooks_called_by_hand_are_enough(caplog):
    """Without a list there is nothing to tell, and no failure."""
    timer = CallbackTimer()
    logs = {}
    for hook, arguments in (
        (timer.on_train_begin, ({},)),
        (timer.on_epoch_begin, (1, {})),
        (timer.on_epoch_end, (1, logs)),
        (timer.on_train_end, ({},)),
    ):
        hook(*arguments)
    assert logs == {"callback_time": 0}


def test_copies_have_no_list():
    """A copy that is made while training runs belongs to another training."""
    timer = CallbackTimer(verbose=False)
    copies = []
    look = LambdaCallback(
        on_epoch_end=lambda *_: copies.extend(
            [copy.deepcopy(timer), pickle.loads(pickle.dumps(timer))]
        )
    )
    play([timer, look], [{}])
    assert [duplicate._list for duplicate in copies] == [None, None]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"share": 0}, ValueError, "`share` must be more than 0 and at most 1, not 0"),
        ({"share": "1"}, TypeError, "`share` must be a number, not '1'"),
        ({"verbose": 1}, TypeError, "`verbose` must be True or False, not 1"),
    ],
)
def test_bad_arguments_are_refused_at_once(options, error, message):
    """The message says what is expected."""
    with pytest.raises(error, match=message):
        CallbackTimer(**options)
