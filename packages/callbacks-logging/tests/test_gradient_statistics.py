# SPDX-License-Identifier: MIT
import math
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callbacks_core import SimpleModel
from callbacks_core.testing import play
from callbacks_logging import MemoryGradientLogger
from callbacks_logging.gradients import layout

torch = pytest.importorskip("torch")

ORDERS = (1, 2, 3, math.inf)


def network_of(*gradients):
    """A network whose parameters have these gradients, and the names of a list."""
    network = torch.nn.ParameterList(
        [torch.zeros(gradient.shape, dtype=gradient.dtype) for gradient in gradients]
    )
    for weight, gradient in zip(network, gradients, strict=True):
        weight.grad = gradient
    return network


def measured(*gradients, **options):
    """The statistics of gradients, each by its place."""
    logger = MemoryGradientLogger(norm_type=ORDERS, **options)
    play(logger, [{}], batches=1, model=SimpleModel(network_of(*gradients)))
    return {int(name): rows[0] for name, rows in logger.history.items()}


def plain(gradient):
    """The same statistics, one after the other."""
    gradient = gradient.double()
    sizes = gradient.abs()
    several = gradient.numel() > 1
    found = {
        "mean": sizes.mean(),
        "std": sizes.std() if several else torch.tensor(math.nan),
        "var": sizes.var() if several else torch.tensor(math.nan),
        "min": gradient.min(),
        "max": gradient.max(),
        "abs_min": sizes.min(),
        "abs_max": sizes.max(),
        **{f"l{order:g}": torch.linalg.vector_norm(gradient, order) for order in ORDERS},
    }
    return {name: value.item() for name, value in found.items()}


def near(row, expected, relative=1e-5, absolute=1e-6):
    values = {name: row[name] for name in expected}
    return values == pytest.approx(expected, rel=relative, abs=absolute, nan_ok=True)


numbers = st.one_of(
    st.floats(-1e3, 1e3, width=32),
    st.sampled_from([0.0, -1.0, 1.0]),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)


@st.composite
def gradients(draw):
    shape = draw(shapes)
    values = draw(st.lists(numbers, min_size=math.prod(shape), max_size=math.prod(shape)))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    return torch.tensor(values, dtype=dtype).reshape(shape)


@settings(max_examples=60)
@given(st.lists(gradients(), min_size=1, max_size=14), st.sampled_from([8, 2**17]))
def test_statistics_are_those_of_plain_torch(found, chunk):
    """Whatever the shapes, and whether tensors are measured as rows, segments or in chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "_CHUNK", {"cpu": chunk})
        patch.setattr(layout, "_SMALL", min(chunk, 2**13))
        rows = measured(*found)
    assert list(rows) == list(range(len(found)))
    for index, gradient in enumerate(found):
        assert near(rows[index], plain(gradient)), (gradient, rows[index])


def test_a_constant_gradient_has_no_deviation():
    """Where the mean is large, the difference of squares would show one."""
    rows = measured(*[torch.full((1000,), 1234.5)] * 9, torch.full((7,), 1234.5))
    assert [row["std"] for row in rows.values()] == [0.0] * 10


def test_large_tensors_are_measured_in_chunks():
    """Also those whose memory is in another order, or has gaps."""
    generator = torch.Generator().manual_seed(0)
    large = torch.randn(300, 1000, generator=generator)
    images = torch.randn(4, 16, 60, 60, generator=generator)
    rows = measured(large, large.t(), images.contiguous(memory_format=torch.channels_last))
    assert near(rows[0], plain(large), 1e-4)
    assert near(rows[1], plain(large), 1e-4)
    assert near(rows[2], plain(images), 1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_loses_nothing_more(dtype):
    """Sums are those of the values as they are, in single precision at least."""
    generator = torch.Generator().manual_seed(0)
    found = [torch.randn(n, generator=generator).to(dtype) for n in (40,) * 9 + (5, 6, 2**18)]
    for index, row in measured(*found).items():
        assert near(row, plain(found[index]), 1e-4)


def test_a_sparse_gradient_is_measured_with_its_zeros():
    """Rows that come twice count once, as their sum; and none need be there at all."""
    network = torch.nn.Embedding(10, 3, sparse=True)
    (network(torch.tensor([1, 1, 4])) * torch.arange(9.0).reshape(3, 3)).sum().backward()
    logger = MemoryGradientLogger(norm_type=ORDERS)
    expected = plain(network.weight.grad.to_dense())
    play(logger, [{}], batches=1, model=SimpleModel(network))
    network.weight.grad = torch.sparse_coo_tensor(
        torch.zeros(1, 0), torch.zeros(0, 3), (10, 3), check_invariants=True
    )
    play(empty := MemoryGradientLogger(), [{}], batches=1, model=SimpleModel(network))
    assert near(logger.history["weight"][0], expected)
    assert near(empty.history["weight"][0], {"mean": 0.0, "max": 0.0, "l2": 0.0, "std": 0.0})


def test_complex_numbers_count_as_two():
    """The parts are measured like those of a real gradient."""
    gradient = torch.tensor([1 + 2j, -3 - 4j])
    assert near(measured(gradient)[0], plain(torch.view_as_real(gradient)))


def test_empty_tensors_are_no_obstacle():
    """Their extremes are zero."""
    rows = measured(torch.zeros(0), torch.ones(2), torch.zeros(3, 0))
    assert rows[0]["max"] == rows[2]["l2"] == 0.0
    assert near(rows[1], plain(torch.ones(2)))


SPREAD = """
import sys
import torch
from torch import distributed, nn
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor, init_device_mesh

from callbacks_core import SimpleModel
from callbacks_core.testing import play
from callbacks_logging import MemoryGradientLogger

distributed.init_process_group("gloo")
mesh = init_device_mesh("cpu", (2,))
generator = torch.Generator().manual_seed(0)
found = [torch.randn(n, 3, generator=generator) for n in (4, 5, 1, 4, 7)]
found[3][3, 1] = float("nan")
places = [Shard(0)] * 4 + [Replicate()]


def train(grads, weights):
    network = nn.ParameterList(weights)
    for weight, grad in zip(network, grads, strict=True):
        weight.grad = grad
    logger = MemoryGradientLogger(norm_type=(1, 2, 3, float("inf")), update_ratio=True)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    play(logger, [{}] * 2, batches=2, model=SimpleModel(network, optimizer))
    return logger.history


whole = train(found, [torch.ones_like(grad) for grad in found])
spread = train(
    [distribute_tensor(grad, mesh, [place]) for grad, place in zip(found, places)],
    [distribute_tensor(torch.ones_like(grad), mesh, [place]) for grad, place in zip(found, places)],
)
if distributed.get_rank() == 0:
    assert whole.keys() == spread.keys() == set("01234"), (whole.keys(), spread.keys())
    for name, rows in whole.items():
        assert len(rows) == len(spread[name]) == 4
        for ours, theirs in zip(rows, spread[name]):
            ours, theirs = (torch.tensor(list(row.values())) for row in (ours, theirs))
            torch.testing.assert_close(ours, theirs, equal_nan=True)
else:
    assert spread == {}
distributed.barrier()
distributed.destroy_process_group()
"""


def test_gradients_that_are_spread_are_measured_whole(tmp_path):
    """Two ranks, with uneven and empty parts, find what one finds; only rank zero logs."""
    if not torch.distributed.is_available():
        pytest.skip("torch was built without it")
    script = tmp_path / "spread.py"
    script.write_text(SPREAD)
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-Wignore", script],
            env={**os.environ, **shared, "RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [rank.communicate(timeout=600)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], "\n".join(errors)


def _free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.gpu
def test_no_step_waits_for_the_gpu():
    """Nothing is read while training goes on, of many tensors and of large ones."""
    device = "cuda"
    found = [torch.randn(n, device=device) for n in [100] * 20 + [7, 8, 9, 2**25]]
    network = network_of(*(gradient.cpu() for gradient in found)).to(device)
    for weight, gradient in zip(network, found, strict=True):
        weight.grad = gradient
    logger = MemoryGradientLogger(norm_type=ORDERS, update_ratio=True)
    model = SimpleModel(network)
    play(MemoryGradientLogger(), [{}], model=model)  # kernels are loaded with a wait
    looked = []
    original = logger.on_backward_end

    def watched(batch_number):
        if looked:  # the first look lays out what is measured together
            torch.cuda.set_sync_debug_mode("error")
        try:
            original(batch_number)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        looked.append(batch_number)

    logger.on_backward_end = watched
    play(logger, [{}], batches=3, model=model)
    for index, gradient in enumerate(found):
        rows = logger.history[str(index)]
        assert len(rows) == 3
        assert near(rows[2], plain(gradient.cpu()), 1e-4)
