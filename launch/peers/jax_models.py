"""Times training steps of models of configs/benchmarks in JAX on one core: mlp, cnn, resnet20, lstm, gru and chargpt.

    jax_models.py MODEL --batch N [--steps K] [--warm-up K]

One process and one thread, on one batch that is in memory already; the whole step is one compiled function that owns its
weights. Prints one JSON object: the median seconds of a step and the samples in a second.
"""

import argparse
import json
import os
import statistics
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import jax  # noqa: E402 (its threads are counted when it loads)
import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402


class Draw:
    """Initial weights."""

    def __init__(self):
        self.key = jax.random.PRNGKey(0)

    def __call__(self, *shape):
        self.key, key = jax.random.split(self.key)
        return 0.05 * jax.random.normal(key, shape)

    def linear(self, inputs, outputs):
        return self(inputs, outputs), jnp.zeros(outputs)

    def norm(self, width):
        return jnp.ones(width), jnp.zeros(width)


def linear(p, x):
    return x @ p[0] + p[1]


def convolution(kernel, x, stride=1):
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def normalized(p, x, axes):
    mean = x.mean(axes, keepdims=True)
    variance = jnp.square(x - mean).mean(axes, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * p[0] + p[1]


def batch_norm(p, x):
    return normalized(p, x, (0, 1, 2))


def halved(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def fully_connected(draw, batch):
    layers = [draw.linear(784, 512), draw.linear(512, 512), draw.linear(512, 10)]

    def apply(p, x, key):
        return linear(p[2], jax.nn.relu(linear(p[1], jax.nn.relu(linear(p[0], x)))))

    return layers, draw(batch, 784), apply


def two_convolutions(draw, batch):
    weights = [draw(3, 3, 3, 16), draw.norm(16), draw(3, 3, 16, 32), draw.norm(32),
               draw.linear(14 * 14 * 32, 512), draw.linear(512, 10)]

    def apply(p, x, key):
        x = halved(jax.nn.relu(batch_norm(p[1], convolution(p[0], x))))
        x = halved(jax.nn.relu(batch_norm(p[3], convolution(p[2], x))))
        x = linear(p[4], x.reshape(batch, -1))
        x = jax.nn.relu(2 * x * jax.random.bernoulli(key, 0.5, x.shape))
        return linear(p[5], x)

    return weights, draw(batch, 56, 56, 3), apply


def residual(draw, batch):
    blocks, strides, channels = [], [], 16
    for out, first in ((16, 1), (32, 2), (64, 2)):
        for stride in (first, 1, 1):
            shortcut = None if channels == out else (draw(1, 1, channels, out), draw.norm(out))
            blocks.append((draw(3, 3, channels, out), draw.norm(out), draw(3, 3, out, out), draw.norm(out), shortcut))
            strides.append(stride)
            channels = out
    weights = [draw(3, 3, 3, 16), draw.norm(16), blocks, draw.linear(64, 10)]

    def apply(p, x, key):
        x = jax.nn.relu(batch_norm(p[1], convolution(p[0], x)))
        for (first, norm, second, last, shortcut), stride in zip(p[2], strides):
            beside = batch_norm(shortcut[1], convolution(shortcut[0], x, stride)) if shortcut else x
            x = jax.nn.relu(batch_norm(norm, convolution(first, x, stride)))
            x = jax.nn.relu(batch_norm(last, convolution(second, x)) + beside)
        return linear(p[3], x.mean((1, 2)))

    return weights, draw(batch, 32, 32, 3), apply


def recurrent(gates, step):
    def make(draw, batch):
        weights = [draw(20000, 128), draw.linear(128, gates * 256), draw.linear(256, gates * 256), draw.linear(256, 4)]

        def apply(p, ids, key):
            inputs = linear(p[1], p[0][ids]).transpose(1, 0, 2)
            start = (jnp.zeros((batch, 256)), jnp.zeros((batch, 256)))
            (hidden, _), _ = lax.scan(lambda state, x: (step(p[2], state, x), None), start, inputs)
            return linear(p[3], hidden)

        return weights, jnp.arange(batch * 64).reshape(batch, 64) * 7919 % 20000, apply

    return make


def lstm_step(p, state, x):
    hidden, cell = state
    enter, forget, new, leave = jnp.split(x + linear(p, hidden), 4, 1)
    cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(enter) * jnp.tanh(new)
    return jax.nn.sigmoid(leave) * jnp.tanh(cell), cell


def gru_step(p, state, x):
    hidden, unused = state
    (reset, update, new), (r, z, n) = jnp.split(x, 3, 1), jnp.split(linear(p, hidden), 3, 1)
    new = jnp.tanh(new + jax.nn.sigmoid(reset + r) * n)
    update = jax.nn.sigmoid(update + z)
    return (1 - update) * new + update * hidden, unused


def characters(draw, batch, words=65, width=128, steps=64, heads=4):
    blocks = [(draw.norm(width), draw.linear(width, 3 * width), draw.linear(width, width), draw.norm(width),
               draw.linear(width, 4 * width), draw.linear(4 * width, width)) for _ in range(4)]
    weights = [draw(words, width), draw(steps, width), blocks, draw.norm(width), draw.linear(width, words)]
    seen = jnp.tril(jnp.ones((steps, steps), bool))

    def attention(read, write, x):
        query, key, value = linear(read, x).reshape(batch, steps, 3, heads, -1).transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(2, 3) / (width // heads) ** 0.5
        mixed = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)) @ value
        return linear(write, mixed.swapaxes(1, 2).reshape(batch, steps, width))

    def apply(p, ids, key):
        x = p[0][ids] + p[1]
        for first, read, write, second, wide, narrow in p[2]:
            x = x + attention(read, write, normalized(first, x, -1))
            x = x + linear(narrow, jax.nn.gelu(linear(wide, normalized(second, x, -1)), approximate=False))
        return linear(p[4], normalized(p[3], x, -1)).reshape(batch * steps, words)

    return weights, jnp.arange(batch * steps).reshape(batch, steps) * 31 % words, apply


MODELS = {"mlp": fully_connected, "cnn": two_convolutions, "resnet20": residual, "lstm": recurrent(4, lstm_step),
          "gru": recurrent(3, gru_step), "chargpt": characters}


def momentum(weights, gradients, state, count):
    moved = jax.tree.map(lambda v, g, w: 0.9 * v + g + 1e-4 * w, state, gradients, weights)
    return jax.tree.map(lambda w, v: w - 0.1 * v, weights, moved), moved


def adam(weights, gradients, state, count):
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state[0], gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state[1], gradients)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    return jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), weights, first, second), (first, second)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--warm-up", dest="warm_up", type=int, default=5)
    options = parser.parse_args()
    weights, inputs, apply = MODELS[options.model](Draw(), options.batch)
    zeros = jax.tree.map(jnp.zeros_like, weights)
    rule, state = (momentum, zeros) if options.model == "resnet20" else (adam, (zeros, jax.tree.map(jnp.copy, zeros)))

    def loss(weights, key):
        logits = apply(weights, inputs, key)
        targets = jnp.arange(logits.shape[0]) % logits.shape[1]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), targets[:, None], 1).mean()

    def step(weights, state, key, count):
        value, gradients = jax.value_and_grad(loss)(weights, key)
        return *rule(weights, gradients, state, count), value

    step, key, times = jax.jit(step, donate_argnums=(0, 1)), jax.random.PRNGKey(1), []
    for index in range(options.warm_up + options.steps):
        key, drawn = jax.random.split(key)
        start = time.perf_counter()
        weights, state, value = step(weights, state, drawn, index + 1.0)
        value.block_until_ready()
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[options.warm_up :])
    print(json.dumps({"peer": "JAX " + jax.__version__, "model": options.model, "ranks": 1, "stepSeconds": seconds,
                      "samplesPerSecond": options.batch / seconds}), flush=True)


main()
