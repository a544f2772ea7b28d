"""Times an all-reduce of PyTorch over Gloo, as DistributedDataParallel uses it on CPUs.

Started once per rank by mpirun (launch/compare-exchange does it); MASTER_ADDR and MASTER_PORT name the
first rank's host. Rank 0 prints one JSON object: the median seconds of the slowest rank.
"""

import json
import os
import statistics
import sys
import time

import torch
import torch.distributed as dist


def main() -> None:
    size, repeats = int(float(sys.argv[1]) * (1 << 20)) // 4, int(sys.argv[2])
    rank = int(os.environ["OMPI_COMM_WORLD_RANK"])
    ranks = int(os.environ["OMPI_COMM_WORLD_SIZE"])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    gradient = torch.ones(size)
    times = []
    for index in range(-3, repeats):
        gradient.fill_(1)
        dist.barrier()
        start = time.perf_counter()
        dist.all_reduce(gradient)
        taken = torch.tensor(time.perf_counter() - start, dtype=torch.float64)
        assert gradient[0] == ranks and gradient[-1] == ranks
        dist.all_reduce(taken, op=dist.ReduceOp.MAX)
        if index >= 0:
            times.append(taken.item())
    if rank == 0:
        print(json.dumps({"bytes": 4 * size, "ranks": ranks, "torch": torch.__version__,
                          "seconds": statistics.median(times)}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
