# SPDX-License-Identifier: MIT
"""What policies do on two ranks, compared with one process; `torchrun` runs it."""

import math

import torch
from torch import distributed
from torch.distributed import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from callbacks_core import SimpleModel, TrainingLoop
from callbacks_policies import EMA, SWA, AdaptiveClip, ClipNorm, ClipValue, Freeze

CLIPS = {
    "norm 2": lambda parameters: ClipNorm(parameters, 0.1),
    "norm 1": lambda parameters: ClipNorm(parameters, 0.1, 1.0),
    "norm inf": lambda parameters: ClipNorm(parameters, 0.01, math.inf),
    "norm, one by one": lambda parameters: ClipNorm(parameters, 0.1, foreach=False),
    "not clipped": lambda parameters: ClipNorm(parameters, 1e9),
    "value": lambda parameters: ClipValue(parameters, 0.01),
    "adaptive": lambda parameters: AdaptiveClip(parameters, 0.01),
}


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(  # of the last layer, with one row, one rank has nothing
        torch.nn.Conv1d(2, 3, 2), torch.nn.Flatten(), torch.nn.Linear(6, 5), torch.nn.Linear(5, 1)
    )


def whole(tensor):
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def by_fsdp(module, mesh):
    for part in (module[0], module[2], module[3]):
        fully_shard(part, mesh=mesh)
    fully_shard(module, mesh=mesh)


def by_hand(module, mesh):
    """Distribute some parameters by rows, some by columns, some as copies; leave one as it is."""
    ways = {"0.weight": Shard(0), "2.weight": Shard(1), "2.bias": Shard(0), "3.weight": Shard(1),
            "3.bias": Replicate()}  # fmt: skip
    for name, way in ways.items():
        part, _, kind = name.partition(".")
        value = module[int(part)].get_parameter(kind)
        sharded = torch.nn.Parameter(distribute_tensor(value.detach(), mesh, [way]))
        setattr(module[int(part)], kind, sharded)


def clipped(clip, module):
    clip.set_model(SimpleModel(module, None))
    clip.on_backward_end(1)
    norm = getattr(clip, "total_norm", None)
    assert not isinstance(norm, DTensor)
    return [whole(p.grad) for p in module.parameters()], norm


def clipping(mesh):
    """The norm and the clipped gradients, of all ways to spread them."""
    for shard in (by_fsdp, by_hand):
        for name, make in CLIPS.items():
            alone, sharded = network(), network()
            shard(sharded, mesh)
            torch.manual_seed(1)
            for parameter, other in zip(alone.parameters(), sharded.parameters(), strict=True):
                parameter.grad = torch.randn_like(parameter)
                gradient = parameter.grad.clone()
                if isinstance(other, DTensor):
                    gradient = distribute_tensor(gradient, mesh, other.placements)
                other.grad = gradient
            expected, norm = clipped(make(list(alone.parameters())), alone)
            found, found_norm = clipped(make(list(sharded.parameters())), sharded)
            where = f"{shard.__name__}, {name}"
            for one, other in zip(expected, found, strict=True):
                torch.testing.assert_close(other, one, msg=where)
            if norm is not None:
                torch.testing.assert_close(found_norm, norm, msg=where)


def train(module, batches, *callbacks):
    """Train two epochs; return the weights, and those of the last validation."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    validated = []
    with TrainingLoop(module, optimizer, callbacks=callbacks) as loop:
        for epoch in loop.epochs(2):
            for x in epoch.train(batches):
                module(x).square().mean().backward()
                loop.backward_end()
                optimizer.step()
                optimizer.zero_grad()
            for _ in epoch.valid(batches[:1]):
                validated = [whole(value.detach()).clone() for value in values_of(module)]
    return [whole(value.detach()) for value in values_of(module)], validated


def values_of(module):
    return [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]


def training(mesh):
    """With weights sharded by FSDP2, clipped and averaged, and the same batches on each rank."""
    torch.manual_seed(2)
    batches = list(torch.randn(3, 4, 2, 3))
    results = []
    for shard in (None, by_fsdp):
        module = network()
        if shard is not None:
            shard(module, mesh)
        clip = ClipNorm(list(module.parameters()), 0.5, log_name="norm")
        results.append(train(module, batches, Freeze("2.bias", until_epoch=2), clip, EMA(0.5)))
    torch.testing.assert_close(results[1], results[0])


def data_parallel():
    """Batches that differ between the ranks: weights, averages and statistics agree all the same.

    The statistics are those of the batches of both ranks, and what is frozen stays.
    """
    rank = distributed.get_rank()
    torch.manual_seed(3)
    both = torch.randn(2, 3, 4, 3)
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1)
    )
    frozen = module[0].weight.detach().clone()
    swa = SWA(1, loader=list(both[rank]))
    _, validated = train(DistributedDataParallel(module), list(both[rank]), Freeze("0.weight"), swa)
    assert torch.equal(validated[0], frozen)
    assert not torch.equal(validated[1], torch.zeros(4))
    for value in validated:
        others = [torch.empty_like(value) for _ in range(2)]
        distributed.all_gather(others, value)
        assert torch.equal(others[0], others[1])
    weight, bias, *_, mean, variance = validated
    hidden = torch.nn.functional.linear(both.reshape(-1, 3), weight, bias)
    torch.testing.assert_close(mean, hidden.mean(0))
    torch.testing.assert_close(variance, hidden.var(0), rtol=0.2, atol=0)  # unbiased per batch


def main():
    distributed.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (2,))
    clipping(mesh)
    training(mesh)
    data_parallel()
    if distributed.get_rank() == 0:
        print("all the same")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
