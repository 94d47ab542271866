"""This process among those that train together: alone, or one of those that `torchrun` started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Processes:
    """Its rank, how many there are, and the device it works on. Alone, everything here is what was given."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes; the tensor is changed in place."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def agreed(self, value: Any) -> Any:
        """What the first process says."""
        if self.count == 1:
            return value
        said = [value]
        dist.broadcast_object_list(said, src=0)
        return said[0]

    def gathered(self, value: Any) -> list[Any]:
        """What each process says, in the order of ranks."""
        found = [value] * self.count
        if self.count > 1:
            dist.all_gather_object(found, value)
        return found


@contextmanager
def processes() -> Iterator[Processes]:
    """One process a GPU where there are GPUs, else on the CPU."""
    count, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda", local) if has_gpu else torch.device("cpu")
    if has_gpu:
        torch.cuda.set_device(device)
    if count == 1:
        yield Processes(0, 1, device)
        return
    dist.init_process_group("nccl" if has_gpu else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()
