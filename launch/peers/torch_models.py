"""Times training steps of the models of configs/benchmarks in PyTorch, as its users would write them.

    torch_models.py MODEL --batch N [--ranks R] [--steps K] [--channels-last] [--compile] [--bfloat16]
    torch_models.py MODEL --batch N --agree DATA.h5 --weights FILE.safetensors

One process, or R under DistributedDataParallel over Gloo, one thread each, on one batch that is in memory already.
Prints one JSON object: the median seconds of a step and the samples of all ranks in a second.

With --agree it trains ten steps on the samples of a file in their order, with a tenth of the learning rate and without
dropout, and prints the losses; the weights it began with go to a file under aimass's names.
"""

import argparse
import json
import os
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn


def two_convolutions():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(14 * 14 * 32, 512), nn.Dropout(0.5), nn.ReLU(), nn.Linear(512, 10))


def fully_connected():
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


class Recurrent(nn.Module):
    """The last state of a recurrent layer over embedded words."""

    def __init__(self, cell):
        super().__init__()
        self.embedding = nn.Embedding(20000, 128)
        self.cell = cell(128, 256, batch_first=True)
        self.head = nn.Linear(256, 4)

    def forward(self, ids):
        return self.head(self.cell(self.embedding(ids))[0][:, -1])


class Block(nn.Module):
    """Two convolutions and what goes around them."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out))
        self.shortcut = nn.Identity() if stride == 1 and channels == out else nn.Sequential(
            nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        return F.relu(self.layers(x) + self.shortcut(x))


def residual():
    layers, channels = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for out, first in ((16, 1), (32, 2), (64, 2)):
        for stride in (first, 1, 1):
            layers.append(Block(channels, out, stride))
            channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class Attention(nn.Module):
    """A block of a transformer with the norms in front, which looks back only."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.read, self.write = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        samples, steps, width = x.shape
        parts = self.read(self.first(x)).view(samples, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(*parts, is_causal=True)
        x = x + self.write(seen.transpose(1, 2).reshape(samples, steps, width))
        return x + self.dense(self.second(x))


class Characters(nn.Module):
    """Four blocks over 64 characters."""

    def __init__(self, words=65, width=128, steps=64):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.places = nn.Parameter(0.02 * torch.randn(steps, width))
        self.blocks = nn.Sequential(*(Attention(width, 4) for _ in range(4)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words)

    def forward(self, ids):
        return self.head(self.norm(self.blocks(self.embedding(ids) + self.places))).flatten(0, 1)


class PictureAndSound(nn.Module):
    """The places of a picture and those of a spectrum attend to each other.

    With `plain` as aimass does it: without biases, and added to what attends.
    """

    def __init__(self, width=64, plain=False):
        super().__init__()
        self.plain = plain

        def stage(channels, out):
            return [nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)]

        self.image = nn.Sequential(
            *stage(1, 16), *stage(16, 32), nn.Conv2d(32, width, 3, padding=1), nn.ReLU())
        self.sound = nn.Sequential(*stage(1, 16), *stage(16, 32), *stage(32, width))
        self.looks = nn.MultiheadAttention(width, 4, bias=not plain, batch_first=True)
        self.listens = nn.MultiheadAttention(width, 4, bias=not plain, batch_first=True)
        self.head = nn.Linear(2 * width, 10)

    def forward(self, image, sound):
        image = self.image(image).flatten(2).transpose(1, 2)
        sound = self.sound(sound).flatten(2).transpose(1, 2)
        looked = self.looks(image, sound, sound, need_weights=False)[0]
        listened = self.listens(sound, image, image, need_weights=False)[0]
        if self.plain:
            looked, listened = looked + image, listened + sound
        return self.head(torch.cat([looked.mean(1), listened.mean(1)], 1))


class Factors(nn.Module):
    """A product of factors and two biases; gradients of the rows read only."""

    def __init__(self, users=100000, items=20000, width=64):
        super().__init__()
        self.user, self.item = nn.Embedding(users, width, sparse=True), nn.Embedding(items, width, sparse=True)
        self.userBias, self.itemBias = nn.Embedding(users, 1, sparse=True), nn.Embedding(items, 1, sparse=True)

    def forward(self, user, item):
        biases = self.userBias(user)[:, 0] + self.itemBias(item)[:, 0]
        return (self.user(user) * self.item(item)).sum(1) + biases


def numbers(*shape):
    return lambda batch, random: torch.randn(batch, *shape, generator=random)


def ids(below, *shape):
    return lambda batch, random: torch.randint(below, (batch, *shape), generator=random)


ADAM = lambda parameters: torch.optim.Adam(parameters, lr=1e-3)
# The model, its inputs, its target, its loss and its optimizer.
MODELS = {
    "mlp": (fully_connected, [numbers(784)], ids(10), F.cross_entropy, ADAM),
    "cnn": (two_convolutions, [numbers(3, 56, 56)], ids(10), F.cross_entropy, ADAM),
    "resnet20": (residual, [numbers(3, 32, 32)], ids(10), F.cross_entropy,
                 lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-4)),
    "lstm": (lambda: Recurrent(nn.LSTM), [ids(20000, 64)], ids(4), F.cross_entropy, ADAM),
    "gru": (lambda: Recurrent(nn.GRU), [ids(20000, 64)], ids(4), F.cross_entropy, ADAM),
    "chargpt": (Characters, [ids(65, 64)], lambda batch, random: ids(65)(64 * batch, random), F.cross_entropy,
                lambda p: torch.optim.AdamW(p, lr=1e-3)),
    "av": (PictureAndSound, [numbers(1, 28, 28), numbers(1, 64, 64)], ids(10), F.cross_entropy, ADAM),
    "mf": (Factors, [ids(100000), ids(20000)], numbers(), F.mse_loss, lambda p: torch.optim.SGD(p, lr=0.05)),
}


def train(rank, options):
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(rank)
    make, draw, drawTarget, loss, optimize = MODELS[options.model]
    model, target = make(), drawTarget(options.batch, random)
    inputs = [draw_one(options.batch, random) for draw_one in draw]
    if options.channels_last:
        model = model.to(memory_format=torch.channels_last)
        inputs = [x.to(memory_format=torch.channels_last) if x.dim() == 4 else x for x in inputs]
    if options.ranks > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(options.port))
        torch.distributed.init_process_group("gloo", rank=rank, world_size=options.ranks)
        model = nn.parallel.DistributedDataParallel(model)
    optimizer = optimize(model.parameters())
    forward = torch.compile(model) if options.compile else model
    times = []
    for index in range(-options.warm_up, options.steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bfloat16):
            value = loss(forward(*inputs), target)
        value.backward()
        optimizer.step()
        if index >= 0:
            times.append(time.perf_counter() - start)
    if rank == 0:
        seconds = statistics.median(times)
        print(json.dumps({
            "peer": "PyTorch " + torch.__version__, "model": options.model, "ranks": options.ranks,
            "stepSeconds": seconds, "samplesPerSecond": options.batch * options.ranks / seconds}), flush=True)
    if options.ranks > 1:
        torch.distributed.destroy_process_group()


FIELDS = {"mlp": ["features"], "cnn": ["image"], "resnet20": ["image"], "lstm": ["ids"], "gru": ["ids"],
          "chargpt": ["ids"], "av": ["image", "sound"], "mf": ["user", "item"]}
TARGETS = {"chargpt": "next", "mf": "rating"}


def ours(name, model):
    """Initial weights under aimass's names."""
    import numpy
    weights = {}
    values = {key: value.detach().numpy().copy() for key, value in model.named_parameters()}
    if name == "mf":
        for side in ("user", "item"):
            weights[f"modalities.{side}.0.weight"] = numpy.concatenate(
                [values[f"{side}.weight"], values[f"{side}Bias.weight"]], axis=1)
        return weights
    for key in [key for key in values if key.endswith("in_proj_weight")]:
        # PyTorch has one matrix where aimass has two; the order of the names stays.
        width = values[key].shape[1]
        split = {key + ".query": values[key][:width], key + ".keyValue": values[key][width:]}
        values = {k: v for old in values for k, v in (split if old == key else {old: values[old]}).items()}
    for (key, value), own in zip(values.items(), names(name), strict=True):
        weights[own] = value
    return weights


def names(name):
    """aimass's name of each parameter, in the order of the model's."""
    recurrent = [f"modalities.text.1.{part}0" for part in ("inputWeight", "hiddenWeight", "inputBias", "hiddenBias")]
    both = lambda *paths: [f"{path}.{part}" for path in paths for part in ("weight", "bias")]
    if name == "mlp":
        return both("modalities.features.0", "modalities.features.2", "heads.class.0")
    if name == "cnn":
        return both(*(f"modalities.image.{layer}" for layer in (0, 1, 4, 5)), "heads.class.0", "heads.class.3")
    if name in ("lstm", "gru"):
        return ["modalities.text.0.weight", *recurrent, *both("heads.class.0")]
    if name == "resnet20":
        found = ["modalities.image.0.weight", *both("modalities.image.1")]
        for block in range(9):
            path = f"modalities.image.{3 + 2 * block}"
            found += [f"{path}.layers.0.weight", *both(f"{path}.layers.1"), f"{path}.layers.3.weight",
                      *both(f"{path}.layers.4")]
            if block in (3, 6):
                found += [f"{path}.shortcut.0.weight", *both(f"{path}.shortcut.1")]
        return found + both("heads.class.0")
    if name == "chargpt":
        # PyTorch tells a module's own parameters before those of its parts.
        found = ["modalities.text.1.weight", "modalities.text.0.weight"]
        for block in range(4):
            first, second = (f"modalities.text.2.{2 * block + half}.layers" for half in (0, 1))
            found += both(f"{first}.0", f"{second}.0", f"{first}.1.queryKeyValue", f"{first}.1.output",
                          f"{second}.1", f"{second}.3")
        return found + both("modalities.text.3", "heads.next.0")
    found = both(*(f"modalities.image.{layer}" for layer in (0, 1, 4, 5, 8)),
                 *(f"modalities.sound.{layer}" for layer in (0, 1, 4, 5, 8, 9)))
    for pair in ("image.sound", "sound.image"):
        found += [f"fusion.{pair}.{part}" for part in ("query", "keyValue", "output")]
    return found + both("heads.class.0")


def agree(options):
    """Ten steps on a file's samples; see the head."""
    import h5py
    from safetensors.numpy import save_file
    torch.set_num_threads(1)
    torch.manual_seed(1)
    make, _, _, loss, optimize = MODELS[options.model]
    model = PictureAndSound(plain=True) if options.model == "av" else make()
    if options.model == "mf":
        # Rows drawn from the normal distribution of deviation 1 make products of 64 terms; the loss shall be near 1.
        for table in model.children():
            table.weight.data.mul_(0.1)
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    save_file(ours(options.model, model), options.weights)
    optimizer, losses = optimize(model.parameters()), []
    for group in optimizer.param_groups:
        group["lr"] /= 10
    with h5py.File(options.agree) as file:
        for step in range(10):
            rows = slice(step * options.batch, (step + 1) * options.batch)
            inputs = [torch.from_numpy(file[f"train/{field}"][rows]) for field in FIELDS[options.model]]
            inputs = [x.permute(0, 3, 1, 2) if x.dim() == 4 else x for x in inputs]
            target = torch.from_numpy(file[f"train/{TARGETS.get(options.model, 'label')}"][rows])
            optimizer.zero_grad()
            value = loss(model(*inputs), target.flatten() if options.model == "chargpt" else target)
            value.backward()
            optimizer.step()
            losses.append(value.item())
    print(json.dumps({"model": options.model, "losses": losses}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--warm-up", dest="warm_up", type=int, default=5)
    parser.add_argument("--port", type=int, default=29511)
    parser.add_argument("--channels-last", dest="channels_last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--agree")
    parser.add_argument("--weights")
    chosen = parser.parse_args()
    if chosen.agree:
        agree(chosen)
    elif chosen.ranks > 1:
        torch.multiprocessing.spawn(train, (chosen,), nprocs=chosen.ranks)
    else:
        train(0, chosen)
