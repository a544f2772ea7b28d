"""Times PyTorch's distributed checkpoints of a wide network and Adam's moments, on CPU tensors.

Started once per rank by mpirun (launch/compare-checkpoint does it). Every rank holds the whole state, as
DistributedDataParallel does; the planner deals it out. Rank 0 prints one JSON object with the medians.
"""

import json
import os
import shutil
import statistics
import sys
import time
import warnings

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp

warnings.filterwarnings("ignore")


def state(width: int) -> dict:
    """Weights and both moments."""
    shapes = [(width, 6), (width, width), (width, width), (width, width), (10, width)]
    kinds = ["weight", "m", "v"]
    return {f"{kind}.{n}": torch.randn(shape) for kind in kinds for n, shape in enumerate(shapes)}


def main() -> None:
    width, folder = int(sys.argv[1]), sys.argv[2]
    rank, ranks = int(os.environ["OMPI_COMM_WORLD_RANK"]), int(os.environ["OMPI_COMM_WORLD_SIZE"])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    values = state(width)
    # One rank's share, copied once, into memory that is there already.
    share = torch.cat([value.flatten() for value in values.values()])
    share = share[: len(share) // ranks].clone()
    room = torch.zeros_like(share)
    copies, saves, stalls, wholes = [], [], [], []
    for turn in range(4):
        dist.barrier()
        start = time.perf_counter()
        room.copy_(share)
        copies.append(time.perf_counter() - start)
        dist.barrier()
        start = time.perf_counter()
        dcp.save(values, checkpoint_id=f"{folder}/sync-{turn}")
        saves.append(time.perf_counter() - start)
        dist.barrier()
        start = time.perf_counter()
        future = dcp.async_save(values, checkpoint_id=f"{folder}/async-{turn}")
        stalls.append(time.perf_counter() - start)
        future.result()
        wholes.append(time.perf_counter() - start)
        dist.barrier()
        if rank == 0:
            shutil.rmtree(folder, ignore_errors=True)
        dist.barrier()
    if rank == 0:
        median = statistics.median
        print(json.dumps({
            "torch": torch.__version__, "copySeconds": median(copies), "saveSeconds": median(saves[1:]),
            "asyncStallSeconds": median(stalls[1:]), "asyncSeconds": median(wholes[1:])}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
