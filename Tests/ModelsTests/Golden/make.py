#!/usr/bin/env python3
"""Records what PyTorch computes for the networks of GoldenNetworks.swift.

Usage:  python3 Tests/ModelsTests/Golden/make.py            writes NAME.json beside this file
Needs:  torch (recorded with 2.13.0, CPU)

PyTorch runs in float64 on float32 weights and inputs, so the recorded values are exact to their
printed digits. Everything is written in the layout of this project: images [N, H, W, C], sequences
[N, T, C], linear weights [O, I], convolution weights [KH, KW, C / groups, O].
"""
import json
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
FOLDER = pathlib.Path(__file__).parent


class Layout:
    """How the last axis of the running tensor lies in PyTorch, while a network is built."""

    def __init__(self, shape, first):
        self.shape, self.first, self.flattened = list(shape), first, None


class Transposed(nn.Module):
    """Runs a module with channels before positions on a tensor with channels last, or back."""

    def __init__(self, to_first):
        super().__init__()
        self.to_first = to_first

    def forward(self, x):
        return x.movedim(-1, 1) if self.to_first else x.movedim(1, -1)


class Sum(nn.Module):
    def __init__(self, body, side):
        super().__init__()
        self.body, self.side = body, side

    def forward(self, x):
        return self.body(x) + self.side(x)


class Cat(nn.Module):
    def __init__(self, branches, axis):
        super().__init__()
        self.branches, self.axis = nn.ModuleList(branches), axis

    def forward(self, x):
        return torch.cat([b(x) for b in self.branches], dim=self.axis)


class GlobalAverage(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.first = first

    def forward(self, x):
        axes = range(2, x.dim()) if self.first else range(1, x.dim() - 1)
        return x.mean(dim=tuple(axes)) if len(list(axes)) else x


class Builder:
    """Turns a list of layers into torch modules and remembers which slot each parameter is."""

    def __init__(self, seed):
        self.slots = []  # (name, tensor, function from torch's layout to ours)
        self.norms = []  # (path, module)
        self.random = torch.Generator().manual_seed(seed)

    def values(self, shape, scale=1.0, shift=0.0):
        drawn = torch.randn(shape, generator=self.random, dtype=torch.float64) * scale + shift
        return drawn.float().double()

    def slot(self, name, parameter, scale, to_ours=lambda t: t, shift=0.0):
        with torch.no_grad():
            parameter.copy_(self.values(parameter.shape, scale, shift))
        self.slots.append((name, parameter, to_ours))

    def chain(self, layers, layout, prefix):
        modules = []
        for index, layer in enumerate(layers):
            kind, options = layer if isinstance(layer, tuple) else (layer, {})
            modules.append(getattr(self, kind)(layout, f"{prefix}.{index}", **options))
        return nn.Sequential(*modules)

    def linear(self, layout, path, out):
        module = nn.Linear(layout.shape[-1], out)
        flattened = layout.flattened

        def to_ours(weight):
            if flattened is None:
                return weight
            channels, rest = flattened
            return weight.reshape(out, channels, rest).transpose(1, 2).reshape(out, -1)

        self.slot(f"{path}.weight", module.weight, layout.shape[-1] ** -0.5, to_ours)
        self.slot(f"{path}.bias", module.bias, 0.2)
        layout.shape[-1], layout.flattened = out, None
        return module

    def conv(self, layout, path, out, kernel, stride=(1, 1), padding=(0, 0), dilation=(1, 1),
             groups=1, bias=True):
        height, width, channels = layout.shape
        module = nn.Conv2d(channels, out, kernel, stride, padding, dilation, groups, bias)
        fan = channels // groups * kernel[0] * kernel[1]
        self.slot(f"{path}.weight", module.weight, fan ** -0.5, lambda w: w.permute(2, 3, 1, 0))
        if bias:
            self.slot(f"{path}.bias", module.bias, 0.2)
        layout.shape = self.after(module, layout)
        return module

    def conv1d(self, layout, path, out, kernel, stride=1, padding=0, dilation=1):
        channels = layout.shape[-1]
        module = nn.Conv1d(channels, out, kernel, stride, padding, dilation)
        self.slot(f"{path}.weight", module.weight, (channels * kernel) ** -0.5,
                  lambda w: w.permute(2, 1, 0).unsqueeze(0))
        self.slot(f"{path}.bias", module.bias, 0.2)
        return self.sequence(module, layout)

    def sequence(self, module, layout):
        """A module over [N, C, T] for a tensor that may lie as [N, T, C]."""
        if not layout.first:
            module = nn.Sequential(Transposed(True), module)
        layout.first = True
        probe = torch.zeros([1, layout.shape[1], layout.shape[0]])
        inner = module[1] if isinstance(module, nn.Sequential) else module
        layout.shape = list(inner(probe).shape[:0:-1])
        return module

    def after(self, module, layout):
        probe = torch.zeros([1, layout.shape[2], layout.shape[0], layout.shape[1]])
        return list(module(probe).movedim(1, -1).shape[1:])

    def batchNorm(self, layout, path):
        channels = layout.shape[-1]
        module = (nn.BatchNorm2d if len(layout.shape) == 3 else nn.BatchNorm1d)(channels)
        self.slot(f"{path}.weight", module.weight, 0.2, shift=1.0)
        self.slot(f"{path}.bias", module.bias, 0.2)
        self.slot(f"{path}.runningMean", module.running_mean, 0.3)
        with torch.no_grad():
            drawn = torch.rand([channels], generator=self.random, dtype=torch.float64) + 0.5
            module.running_var.copy_(drawn.float().double())
        self.slots.append((f"{path}.runningVariance", module.running_var, lambda t: t))
        self.norms.append((path, module))
        return module

    def layerNorm(self, layout, path):
        module = nn.LayerNorm(layout.shape[-1])
        self.slot(f"{path}.weight", module.weight, 0.2, shift=1.0)
        self.slot(f"{path}.bias", module.bias, 0.2)
        return module

    def relu(self, layout, path):
        return nn.ReLU()

    def leakyRelu(self, layout, path, slope):
        return nn.LeakyReLU(slope)

    def gelu(self, layout, path):
        return nn.GELU()

    def tanh(self, layout, path):
        return nn.Tanh()

    def sigmoid(self, layout, path):
        return nn.Sigmoid()

    def maxPool(self, layout, path, size, stride=None, padding=0):
        if len(layout.shape) == 2:
            return self.sequence(nn.MaxPool1d(size, stride or size, padding), layout)
        module = nn.MaxPool2d(size, stride or size, padding)
        layout.shape = self.after(module, layout)
        return module

    def averagePool(self, layout, path, size, stride=None, padding=0):
        settings = dict(stride=stride or size, padding=padding, count_include_pad=False)
        if len(layout.shape) == 2:
            return self.sequence(nn.AvgPool1d(size, **settings), layout)
        module = nn.AvgPool2d(size, **settings)
        layout.shape = self.after(module, layout)
        return module

    def globalAveragePool(self, layout, path):
        module = GlobalAverage(layout.first)
        layout.shape = layout.shape[-1:]
        return module

    def flatten(self, layout, path):
        count = int(torch.tensor(layout.shape).prod())
        if layout.first and len(layout.shape) > 1:
            layout.flattened = (layout.shape[-1], count // layout.shape[-1])
        layout.shape = [count]
        return nn.Flatten()

    def residual(self, layout, path, layers, shortcut=()):
        side = Layout(layout.shape, layout.first)
        body = self.chain(layers, layout, f"{path}.layers")
        return Sum(body, self.chain(shortcut, side, f"{path}.shortcut"))

    def concat(self, layout, path, branches):
        layouts = [Layout(layout.shape, layout.first) for _ in branches]
        chains = [self.chain(branch, own, f"{path}.branches.{index}")
                  for index, (branch, own) in enumerate(zip(branches, layouts))]
        layout.shape = layouts[0].shape[:-1] + [sum(own.shape[-1] for own in layouts)]
        return Cat(chains, 1 if layout.first else -1)

    def embedding(self, layout, path, vocabulary, size):
        module = nn.Embedding(vocabulary, size)
        self.slot(f"{path}.weight", module.weight, 1.0)
        layout.shape, layout.first = layout.shape + [size], False
        return module


def loss_of(kind, outputs, target, options):
    """Σ over samples, and the normaliser that makes it PyTorch's mean."""
    count = outputs.shape[0]
    if kind == "crossEntropy":
        weights = options.get("classWeights")
        weights = None if weights is None else torch.tensor(weights, dtype=torch.float64)
        total = F.cross_entropy(outputs, target, weight=weights, reduction="sum",
                                label_smoothing=options.get("labelSmoothing", 0.0))
        return total, count if weights is None else weights[target].sum().item()
    target = target.double().reshape(count, -1)
    outputs = outputs.reshape(count, -1)
    if kind == "binaryCrossEntropy":
        each = F.binary_cross_entropy_with_logits(outputs, target, reduction="none")
    elif kind == "meanSquaredError":
        each = F.mse_loss(outputs, target, reduction="none")
    else:
        each = F.huber_loss(outputs, target, reduction="none", delta=options["delta"])
    return each.mean(1).sum(), count


class Network:
    def __init__(self, spec, seed):
        self.spec, self.builder = spec, Builder(seed)
        self.fields = self.draw(spec["fields"], spec["samples"])
        self.encoders, width = [], 0
        for name, field, layers in spec["modalities"]:
            shape, classes = spec["fields"][field]
            layout = Layout(shape, first=len(shape) == 3)
            self.encoders.append(
                (field, self.builder.chain(layers, layout, f"modalities.{name}")))
            width += int(torch.tensor(layout.shape).prod())
        self.heads = []
        for name, layers, loss, options, target, weight in spec["heads"]:
            start = Layout([width], False)
            if len(spec["modalities"]) == 1:  # passed on as it is
                start = Layout(layout.shape, layout.first)
                start.flattened = layout.flattened
            chain = self.builder.chain(layers, start, f"heads.{name}")
            self.heads.append((name, chain, loss, options, target, weight))

    def draw(self, fields, samples):
        drawn = {}
        for name, (shape, classes) in fields.items():
            if classes is None:
                drawn[name] = self.builder.values([samples] + shape)
            else:
                drawn[name] = torch.randint(classes, [samples] + shape,
                                            generator=self.builder.random)
        return drawn

    def run(self, training):
        for module in self.modules():
            module.train(training)
        encoded = []
        for field, chain in self.encoders:
            x = self.fields[field]
            x = x.movedim(-1, 1) if x.dim() == 4 else x
            encoded.append(chain(x))
        # Several inputs are joined as [N, H W C]; the networks here flatten in their encoders.
        fused = encoded[0] if len(encoded) == 1 else torch.cat(encoded, dim=1)
        outputs, losses, normalizers, objective = {}, [], [], 0
        for name, chain, loss, options, target, weight in self.heads:
            outputs[name] = chain(fused)
            total, normalizer = loss_of(loss, outputs[name], self.fields[target], options)
            losses.append(total)
            normalizers.append(normalizer)
            objective = objective + weight / normalizer * total
        return outputs, losses, normalizers, objective

    def modules(self):
        return [chain for _, chain in self.encoders] + [head[1] for head in self.heads]

    def record(self):
        ours = {name: to_ours(tensor).detach().clone()
                for name, tensor, to_ours in self.builder.slots}
        outputs, losses, _, _ = self.run(training=False)
        evaluation = {"outputs": {n: flat(o) for n, o in outputs.items()},
                      "losses": [loss.item() for loss in losses]}
        rows = {}
        for path, module in self.builder.norms:
            module.momentum = 1.0  # so that running values become the batch's own
            module.register_forward_hook(
                lambda m, i, o, path=path: rows.__setitem__(path, o.numel() // o.shape[1]))
        outputs, losses, normalizers, objective = self.run(training=True)
        objective.backward()
        gradients = {}
        for name, tensor, to_ours in self.builder.slots:
            path, _, last = name.rpartition(".")
            if last.startswith("running"):
                gradients[name] = flat(tensor * rows[path])
            else:
                gradients[name] = flat(to_ours(tensor.grad))
        return {
            "torch": torch.__version__,
            "samples": self.spec["samples"],
            "fields": {n: flat(v) for n, v in self.fields.items()},
            "parameters": {n: {"shape": list(v.shape), "values": flat(v)}
                           for n, v in ours.items()},
            "normalizers": normalizers,
            "training": {"outputs": {n: flat(o) for n, o in outputs.items()},
                         "losses": [loss.item() for loss in losses],
                         "gradients": gradients},
            "evaluation": evaluation,
        }


def flat(tensor):
    values = tensor.detach().reshape(-1).tolist()
    return [v if isinstance(v, int) else float(f"{v:.9g}") for v in values]


def head(layers, loss="crossEntropy", target="label", name="y", weight=1.0, **options):
    return (name, layers, loss, options, target, weight)


def image_net(shape, encoder, layers, classes=10, **options):
    return {"samples": 4, "fields": {"image": (shape, None), "label": ([], classes)},
            "modalities": [("image", "image", encoder)], "heads": [head(layers, **options)]}


def conv(out, kernel, stride=1, padding=0, dilation=1, groups=1, bias=True):
    return ("conv", dict(out=out, kernel=(kernel, kernel), stride=(stride, stride),
                         padding=(padding, padding), dilation=(dilation, dilation),
                         groups=groups, bias=bias))


def linear(out):
    return ("linear", dict(out=out))


def pool(kind, size, stride=None, padding=0):
    return (kind, dict(size=size, stride=stride, padding=padding))


NETWORKS = {
    "lenet": image_net(
        [16, 16, 1],
        [conv(4, 5), "relu", pool("maxPool", 2), conv(6, 3), "relu", pool("maxPool", 2),
         "flatten"], [linear(20), "relu", linear(10)]),
    "batch-norm": image_net(
        [8, 8, 2],
        [conv(5, 3, padding=1), "batchNorm", "relu", pool("maxPool", 2), conv(7, 3, padding=1),
         "batchNorm", "relu", pool("maxPool", 2), "flatten"],
        [linear(12), "batchNorm", "tanh", linear(10)]),
    "residual": image_net(
        [6, 6, 3],
        [conv(4, 3, padding=1, bias=False), "batchNorm", "relu",
         ("residual", dict(
             layers=[conv(8, 3, 2, 1, bias=False), "batchNorm", "relu",
                     conv(8, 3, padding=1, bias=False), "batchNorm"],
             shortcut=[conv(8, 1, 2, bias=False), "batchNorm"])), "relu",
         ("residual", dict(
             layers=[conv(8, 3, padding=1, bias=False), "batchNorm", "relu",
                     conv(8, 3, padding=1, bias=False), "batchNorm"])), "relu",
         "globalAveragePool"], [linear(10)]),
    "grouped-dilated": image_net(
        [9, 8, 4],
        [conv(6, 3, padding=2, dilation=2, groups=2), "relu",
         ("conv", dict(out=12, kernel=(3, 2), stride=(2, 1), padding=(1, 0), groups=6)), "tanh",
         conv(18, 3, stride=2, bias=False), "flatten"], [linear(10)]),
    "pools": image_net(
        [9, 9, 2],
        [conv(4, 3), pool("averagePool", 3, 2, 1),
         ("concat", dict(branches=[
             [conv(3, 3, padding=1), "relu"], [pool("maxPool", 3, 1, 1)],
             [pool("averagePool", 3, 1, 1), conv(2, 1)], []])),
         pool("maxPool", 3, 2, 1), "flatten"], [linear(10)]),
    "conv1d": {
        "samples": 5, "fields": {"wave": ([20, 3], None), "label": ([], 4)},
        "modalities": [("sound", "wave", [
            ("conv1d", dict(out=5, kernel=5, stride=2, padding=2)), "relu",
            pool("maxPool", 2), ("conv1d", dict(out=4, kernel=2, dilation=2)), "batchNorm",
            pool("averagePool", 2, 1, 1), "flatten"])],
        "heads": [head([linear(4)], labelSmoothing=0.1)]},
    "dense": {
        "samples": 6, "fields": {"row": ([7], None), "label": ([], 2)},
        "modalities": [("table", "row", [
            linear(9), "layerNorm", "gelu", linear(8), "tanh", linear(7),
            ("leakyRelu", dict(slope=0.1)), linear(6), "sigmoid"])],
        "heads": [head([linear(1)], "binaryCrossEntropy")]},
    "embedding": {
        "samples": 6, "fields": {"words": ([8], 11), "label": ([], 3)},
        "modalities": [("text", "words", [
            ("embedding", dict(vocabulary=11, size=5)), "layerNorm", linear(6), "gelu",
            pool("averagePool", 2), "globalAveragePool"])],
        "heads": [head([linear(3)], classWeights=[0.5, 2.0, 1.25])]},
    "fusion": {
        "samples": 5,
        "fields": {"picture": ([6, 6, 1], None), "row": ([5], None), "label": ([], 3),
                   "point": ([2], None)},
        "modalities": [
            ("image", "picture", [conv(3, 3), "relu", "globalAveragePool"]),
            ("table", "row", [linear(4), "relu"])],
        "heads": [head([linear(6), "relu", linear(3)], name="kind"),
                  head([linear(2)], "huber", "point", "place", 0.5, delta=0.8)]},
    "losses": {
        "samples": 7,
        "fields": {"row": ([4], None), "label": ([], 3), "bits": ([3], None),
                   "number": ([], None), "point": ([2], None)},
        "modalities": [("table", "row", [linear(5), "tanh"])],
        "heads": [
            head([linear(3)], name="smooth", labelSmoothing=0.2, classWeights=[0.5, 2.0, 1.25]),
            head([linear(3)], name="weighted", classWeights=[3.0, 0.0, 1.0], weight=0.7),
            head([linear(3)], "binaryCrossEntropy", "bits", "bits"),
            head([linear(1)], "meanSquaredError", "number", "number", 2.0),
            head([linear(2)], "huber", "point", "huber", delta=0.3)]},
    "norm-group": {
        "samples": 7, "fields": {"image": ([6, 5, 2], None), "label": ([], 10), "point": ([2], None)},
        "modalities": [("image", "image", [
            conv(4, 3, padding=1), "batchNorm", "relu",
            ("residual", dict(
                layers=[conv(5, 3, stride=2, padding=1, bias=False), "batchNorm"],
                shortcut=[conv(5, 1, stride=2, bias=False), "batchNorm"])), "relu",
            ("concat", dict(branches=[[conv(3, 1), "batchNorm"], ["batchNorm", "tanh"]])),
            "flatten"])],
        "heads": [head([linear(8), "batchNorm", "gelu", linear(10)]),
                  head([linear(6), "batchNorm", linear(2)], "huber", "point", "place", 0.5, delta=0.8)]},
}

if __name__ == "__main__":
    for seed, (name, spec) in enumerate(NETWORKS.items()):
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(Network(spec, seed + 1).record(), separators=(",", ":")) + "\n")
        print(f"{path.name}: {path.stat().st_size} bytes")
