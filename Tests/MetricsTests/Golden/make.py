#!/usr/bin/env python3
"""Values of scikit-learn for the inputs of ScikitLearnTests, as JSON on standard output.

    python3 Tests/MetricsTests/Golden/make.py > Tests/MetricsTests/Golden/scikit-learn.json

Inputs come from a 64-bit linear congruential generator that the tests repeat. Logits are small
multiples of 1/4, so they tie within rows and between samples. Softmax probabilities of permuted
rows would then tie only up to rounding, which no two programs break alike; where several classes
are ranked, samples share whole rows of a small stock instead.
"""

import json
import sys
import warnings

import numpy as np
import sklearn
from sklearn import metrics as m


class Draws:
    """Knuth's MMIX generator; the upper bits are used."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % bound


def classification(samples, classes, seed, used, stock=0):
    draws = Draws(seed)
    rows = [[draws.below(1 << 20) / (1 << 18) for _ in range(classes)] for _ in range(stock)]
    logits = np.zeros((samples, classes))
    labels = np.zeros(samples, int)
    for s in range(samples):
        labels[s] = draws.below(used)
        if stock:
            logits[s] = rows[(draws.below(stock) // classes * classes + labels[s]) % stock]
            continue
        for y in range(classes):
            logits[s, y] = draws.below(9) / 4 + (1.0 if y == labels[s] and draws.below(2) else 0.0)
    predicted = logits.argmax(1)
    shifted = logits - logits.max(1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
    values = averages(labels, predicted)
    greater = (logits > logits[np.arange(samples), labels][:, None]).sum(1)
    values["top5"] = float((greater < 5).mean())
    values["logLoss"] = m.log_loss(labels, p, labels=range(classes))
    if used == classes and (stock or classes == 2):
        score = p if classes > 2 else p[:, 1]
        values["rocAUC"] = m.roc_auc_score(labels, score, multi_class="ovr", average="macro")
        hot = np.eye(classes, dtype=int)[labels] if classes > 2 else labels
        values["averagePrecision"] = m.average_precision_score(hot, score, average="macro")
    confusion = m.confusion_matrix(labels, predicted, labels=range(classes)).tolist()
    return {"values": values, "confusion": confusion}


def averages(truth, predicted):
    values = {"accuracy": m.accuracy_score(truth, predicted)}
    for name, score in [("precision", m.precision_score), ("recall", m.recall_score),
                        ("f1", m.f1_score)]:
        for average in ["micro", "macro", "weighted"]:
            values[name + average.capitalize()] = score(
                truth, predicted, average=average, zero_division=0)
    return values


def binary(samples, seed):
    draws = Draws(seed)
    logits, labels = [], []
    for _ in range(samples):
        labels.append(draws.below(2))
        logits.append((draws.below(13) - 6) / 4 + (0.5 if labels[-1] else 0.0))
    logits, labels = np.array(logits), np.array(labels)
    values = averages(labels, (logits > 0).astype(int))
    values["rocAUC"] = m.roc_auc_score(labels, logits)
    values["averagePrecision"] = m.average_precision_score(labels, logits)
    values["logLoss"] = m.log_loss(labels, 1 / (1 + np.exp(-logits)))
    confusion = m.confusion_matrix(labels, (logits > 0).astype(int)).tolist()
    return {"values": values, "confusion": confusion}


def labels(samples, outputs, seed):
    draws = Draws(seed)
    truth = np.zeros((samples, outputs), int)
    logits = np.zeros((samples, outputs))
    for s in range(samples):
        for y in range(outputs):
            truth[s, y] = draws.below(2)
            logits[s, y] = (draws.below(13) - 6) / 4 + (0.5 if truth[s, y] else 0.0)
    values = averages(truth, (logits > 0).astype(int))
    values["rocAUC"] = m.roc_auc_score(truth, logits, average="macro")
    values["averagePrecision"] = m.average_precision_score(truth, logits, average="macro")
    values["logLoss"] = float(np.mean(np.logaddexp(0, np.where(truth == 1, -logits, logits))))
    return {"values": values}


def regression(samples, outputs, seed, offset):
    draws = Draws(seed)
    truth = np.zeros((samples, outputs))
    found = np.zeros((samples, outputs))
    for s in range(samples):
        for y in range(outputs):
            truth[s, y] = offset + draws.below(64) / 8
            found[s, y] = truth[s, y] + (draws.below(17) - 8) / 8
    return {"values": {
        "rmse": m.root_mean_squared_error(truth, found),
        "mae": m.mean_absolute_error(truth, found),
        "r2": m.r2_score(truth, found),
    }}


def main():
    warnings.simplefilter("ignore")
    cases = {
        "five classes": classification(203, 5, 1, 5),
        "two classes": classification(101, 2, 2, 2),
        "twelve classes": classification(331, 12, 3, 12),
        "five classes ranked": classification(203, 5, 9, 5, 31),
        "eleven classes ranked": classification(400, 11, 10, 11, 60),
        "classes without samples": classification(97, 6, 4, 3),
        "binary": binary(157, 5),
        "three labels": labels(119, 3, 6),
        "one value": regression(211, 1, 7, 0),
        "three values far from zero": regression(83, 3, 8, 100000),
    }
    json.dump({"version": sklearn.__version__, "cases": cases}, sys.stdout, indent=1)
    print()


main()
