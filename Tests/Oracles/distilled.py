"""Trains students with every kind of head on whole batches, and does the last step again in PyTorch.

    distilled.py PROGRAM FOLDER

Compares the logged loss and the weights after the step, for teachers alone and together; prints `right`.
"""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file

PROGRAM, FOLDER = sys.argv[1:3]
os.chdir(FOLDER)
WEIGHTS = {"y": 1, "b": 0.5, "v": 1}
CONFIGURATION = """name: {name}
seed: {seed}
data:
  file: a.h5
  fields:
    x: "/{{split}}/x"
    y: {{dataset: "/{{split}}/y", classes: 3}}
    b: "/{{split}}/b"
    v: "/{{split}}/v"
    w: {{dataset: "/{{split}}/w", kind: value}}
batch: {{global: 90, micro: 16}}
modalities: {{x: {{field: x, encoder: [{{linear: {units}}}, tanh]}}}}
heads:
  y: {{layers: [{{linear: 3}}], loss: crossEntropy, target: y, weights: w}}
  b: {{layers: [{{linear: 1}}], loss: binaryCrossEntropy, target: b, weight: 0.5}}
  v: {{layers: [{{linear: 2}}], loss: meanSquaredError, target: v}}
optimizer: {{sgd: {{learningRate: 0.1, momentum: 0}}}}
train: {{steps: {steps}}}
checkpoint: {{everySteps: 1, keep: 9}}
{more}
"""


def start(*words):
    result = subprocess.run([PROGRAM, *words], capture_output=True, text=True)
    assert result.returncode == 0, result


def train(name, units, steps, seed, more=""):
    text = CONFIGURATION.format(name=name, units=units, steps=steps, seed=seed, more=more)
    with open(f"{name}.yaml", "w") as file:
        file.write(text)
    start("train", f"{name}.yaml", "--ranks", "2", "--output", name)


def exported(run, step):
    start("checkpoint", "export", f"{run}/checkpoints/step-{step:08d}", "-o", f"{run}-{step}.st")
    return {k: torch.tensor(v).double() for k, v in load_file(f"{run}-{step}.st").items()}


def outputs(w, x):
    x = torch.tanh(x @ w["modalities.x.0.weight"].T + w["modalities.x.0.bias"])
    return {h: x @ w[f"heads.{h}.0.weight"].T + w[f"heads.{h}.0.bias"] for h in WEIGHTS}


def softened(head, z, temperature):
    if head == "y":
        return F.softmax(z / temperature, 1)
    return torch.sigmoid(z / temperature) if head == "b" else z


def targets(head, teachers, combine, temperature):
    said = [teacher[head] for teacher in teachers]
    if combine == "logits":
        return softened(head, sum(said) / len(said), temperature)
    return sum(softened(head, z, temperature) for z in said) / len(said)


def objective(z, data, p, temperature, alpha):
    each = F.cross_entropy(z["y"], data["y"], reduction="none")
    own = {
        "y": (data["w"] * each).sum() / data["w"].sum(),
        "b": F.binary_cross_entropy_with_logits(z["b"][:, 0], data["b"].double()),
        "v": F.mse_loss(z["v"], data["v"]),
    }
    yes, no = F.logsigmoid(z["b"] / temperature), F.logsigmoid(-z["b"] / temperature)
    answers = F.kl_div(yes, p["b"], reduction="none") + F.kl_div(no, 1 - p["b"], reduction="none")
    classes = F.kl_div(F.log_softmax(z["y"] / temperature, 1), p["y"], reduction="batchmean")
    soft = {
        "y": temperature**2 * classes,
        "b": temperature**2 * answers.mean(),
        "v": F.mse_loss(z["v"], p["v"]),
    }
    return sum(WEIGHTS[h] * ((1 - alpha) * own[h] + alpha * soft[h]) for h in WEIGHTS)


def regressor(run, step):
    """What training reads and no export holds: the last numbers of the parameters."""
    folder = f"{run}/checkpoints/step-{step:08d}"
    with open(f"{folder}/manifest.json") as file:
        tensors = json.load(file)["tensors"]
    place = tensors[-1]
    assert place["name"] == "hints.modalities.x.1.weight" and place["shape"] == [16, 4], place
    pieces = {}
    for file in os.listdir(folder):
        if file.endswith(".safetensors"):
            for key, value in load_file(f"{folder}/{file}").items():
                if key.startswith("parameters@"):
                    pieces[int(key.split("@")[1])] = value
    whole = np.concatenate([pieces[start] for start in sorted(pieces)])
    return torch.tensor(whole[place["start"]:].reshape(16, 4)).double()


def compare(name, data, teachers, combine, temperature, alpha, hint=None):
    hints = ""
    if hint:
        hints = f", hints: {{modalities.x.1: {{teacher: {hint[0]}, weight: {hint[1]}}}}}"
    train(
        name, 4, 2, 5,
        f"distillation: {{teachers: [{', '.join(teachers)}], combine: {combine}, "
        f"temperature: {temperature}, alpha: {alpha}{hints}}}")
    before, after = exported(name, 1), exported(name, 2)
    assert not any(k.startswith("hints.") for k in after), after.keys()
    if hint:
        before["R"], after["R"] = regressor(name, 1), regressor(name, 2)
    w = {k: v.clone().requires_grad_() for k, v in before.items()}
    with torch.no_grad():
        said = [outputs(exported(t, 40), data["x"]) for t in teachers]
        p = {h: targets(h, said, combine, temperature) for h in WEIGHTS}
    loss = objective(outputs(w, data["x"]), data, p, temperature, alpha)
    if hint:
        theirs = exported(hint[0], 40)
        v, u = [
            torch.tanh(data["x"] @ net["modalities.x.0.weight"].T + net["modalities.x.0.bias"])
            for net in (w, theirs)
        ]
        loss = loss + hint[1] * 0.5 * ((v @ w["R"].T - u) ** 2).sum(1).mean()
    loss.backward()
    with open(f"{name}/metrics.jsonl") as file:
        steps = [json.loads(line) for line in file]
    logged = [s["loss"] for s in steps if s["step"] == 2 and "split" not in s][0]
    worst = max((w[k].detach() - 0.1 * w[k].grad - after[k]).abs().max().item() for k in w)
    assert abs(logged - loss.item()) < 3e-6 and worst < 1e-6, (name, logged, loss.item(), worst)


random = np.random.default_rng(3)
with h5py.File("a.h5", "w") as file:
    y = random.integers(0, 3, 90)
    file["train/x"] = (random.normal(size=(90, 5)) + y[:, None]).astype("f4")
    file["train/y"] = y.astype("i8")
    file["train/b"] = (y > 0).astype("i8")
    file["train/v"] = random.normal(size=(90, 2)).astype("f4")
    file["train/w"] = (random.random(90) < 0.6).astype("f4")
with h5py.File("a.h5") as file:
    data = {k: torch.tensor(file[f"train/{k}"][:]) for k in "xybvw"}
data = {k: v.double() if v.dtype == torch.float32 else v for k, v in data.items()}
train("one", 16, 40, 1)
train("two", 16, 40, 2)
compare("mean", data, ["one", "two"], "probabilities", 3, 0.6)
compare("logits", data, ["one", "two"], "logits", 8, 0.9)
compare("hinted", data, ["one", "two"], "probabilities", 3, 0.6, ("two", 0.7))
compare("alone", data, ["two"], "probabilities", 1, 1)
print("right")
