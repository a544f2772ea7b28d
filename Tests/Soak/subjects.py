"""The runs that tiers stop, edit and resume: small, and each with other state from step to step.

Not a tier itself.
"""
import math, os, random, struct, wave
import runs

GLYPHS_RECIPE = """name: glyphs
sources:
  trainDraws: {synthetic: glyphs, samples: 133, seed: 1}
  validationDraws: {synthetic: glyphs, samples: 57, seed: 1, first: 333}
splits:
  train: {image: trainDraws.image, table: trainDraws.table, label: trainDraws.label}
  validation: {image: validationDraws.image, table: validationDraws.table, label: validationDraws.label}
fields:
  image: {modality: image, shape: [20, 20, 1], normalize: true}
  table: {modality: table, numeric: [length, mass, ratio, tilt, count, age]}
  label: {modality: label, classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}
"""

GLYPHS = """name: glyphs
seed: 7
data: {file: glyphs.h5}
batch: {global: 20, micro: 3}
modalities:
  image: {field: image, encoder: [{conv: {out: 4, kernel: 3, stride: 2}}, batchNorm, relu, {maxPool: 2}, flatten]}
  table: {field: table, encoder: [{linear: {out: 8}}, batchNorm, relu]}
heads:
  digit:
    layers: [{linear: {out: 120}}, relu, {dropout: {rate: 0.3}}, {linear: {out: 10}}]
    loss: crossEntropy
    target: label
optimizer: {adamW: {learningRate: 5.0e-3}}
train: {epochs: 8}
checkpoint: {everySteps: 1, keep: 1000}
evaluate: {everyEpochs: 1, metrics: [accuracy, logLoss]}
"""

STREAMS_RECIPE = """name: streams
sources:
  trainText: {corpus: text.txt, share: [0, 0.9], tokens: characters, length: 5, streams: 12}
  validationText: {corpus: text.txt, share: [0.9, 1], like: trainText, streams: 8}
splits:
  train: {ids: trainText.inputs, next: trainText.targets}
  validation: {ids: validationText.inputs, next: validationText.targets}
fields:
  ids: {modality: ids}
  next: {modality: ids}
"""

STREAMS = """name: streams
seed: 7
data: {file: streams.h5, shuffle: none}
batch: {global: 12, micro: 3}
modalities:
  text:
    field: ids
    encoder: [{embedding: {size: 6}}, {lstm: {hidden: 7, layers: 2, dropout: 0.2, carry: true}}, {gru: {hidden: 5, carry: true}}]
heads:
  next: {layers: [{linear: 9}], loss: crossEntropy, target: next}
optimizer: {adam: {learningRate: 0.01}}
train: {epochs: 2, clipNorm: 1}
checkpoint: {everySteps: 1, keep: 1000}
evaluate: {everySteps: 13, metrics: [accuracy]}
"""

ROWS = """name: rows
seed: 7
data:
  file: glyphs.h5
  fields:
    word: {dataset: "/{split}/label", kind: ids}
    label: /{split}/label
batch: {global: 20, micro: 3}
modalities:
  word: {field: word, encoder: [{embedding: {vocabulary: 5000, size: 24, shard: true}}]}
heads:
  digit: {layers: [{linear: {out: 10}}], loss: crossEntropy, target: label}
optimizer: {adam: {learningRate: 0.01}}
train: {steps: 12}
checkpoint: {everySteps: 1, keep: 1000}
evaluate: {everySteps: 5, metrics: [accuracy]}
"""

NUMBERS_RECIPE = """name: numbers
sources:
  rows: {csv: numbers.csv}
splits:
  train: {table: rows, y: rows.y}
fields:
  table: {modality: table, numeric: [a, b, c, d]}
  y: {modality: value}
"""

NUMBERS = """name: numbers
seed: 7
data: {file: numbers.h5}
batch: {global: 20, micro: 3}
modalities:
  table: {field: table, encoder: [{linear: 12}, tanh]}
heads:
  y: {layers: [{linear: 1}], loss: meanSquaredError, target: y}
optimizer: {adam: {learningRate: 0.01}}
train: {steps: 30, nonFinite: skip}
checkpoint: {everySteps: 1, keep: 1000}
"""

RATINGS_RECIPE = """name: ratings
sources:
  rows: {csv: ratings.csv}
splits:
  train: {user: rows.user, item: rows.item, rating: rows.rating}
  validation: {from: train, fraction: 0.1, seed: 1}
fields:
  user: {modality: categories}
  item: {modality: categories}
  rating: {modality: value}
"""

FACTORS = """name: factors
seed: 3
data: {file: ratings.h5}
factorization: {als: {user: user, item: item, value: rating, factors: 5, sweeps: 6, regularization: 0.1}}
"""


def walk(letters=2405):
    """A walk round eight letters that turns about now and then."""
    draws, place, direction, text = random.Random(5), 0, 1, []
    for _ in range(letters):
        if draws.random() < 1 / 64:
            direction = -direction
        place = (place + direction) & 7
        text.append("abcdefgh"[place])
    return "".join(text)


def numbers(rows=133, spikes=(41,)):
    """A table with a smooth target; those of `spikes` are finite, and their squares are not."""
    draws, lines = random.Random(6), ["a,b,c,d,y"]
    for row in range(rows):
        x = [draws.uniform(-1, 1) for _ in range(4)]
        y = 1e30 if row in spikes else math.sin(x[0]) + x[1] * x[2] - x[3]
        lines.append(",".join(f"{v!r}" for v in x + [y]))
    return "\n".join(lines) + "\n"


def ratings(users=30, items=25):
    """Ratings with a pattern of rank one and noise."""
    draws, lines = random.Random(7), ["user,item,rating"]
    p, q = ([draws.gauss(0, 1) for _ in range(n)] for n in (users, items))
    for user in range(users):
        for item in draws.sample(range(items), 12):
            value = 3 + 0.7 * p[user] * q[item] + draws.gauss(0, 0.2)
            lines.append(f"u{user},i{item},{min(5, max(1, round(value)))}")
    return "\n".join(lines) + "\n"


def write(name, text):
    with open(f"{runs.SCRATCH}/{name}", "w") as file:
        file.write(text)
    return f"{runs.SCRATCH}/{name}"


def data(name, recipe):
    path = f"{runs.SCRATCH}/{name}.h5"
    if not os.path.exists(path):
        result = runs.run(
            ["prepare", write(f"{name}-recipe.yaml", recipe), "-o", path, "--root", runs.SCRATCH])
        if result.status:
            raise runs.Failed(str(result))


class Subject:
    """A configuration and its settings, with the run that nobody interrupts."""

    def __init__(self, name, make, ranks=1, settings=()):
        self.name, self.make, self.ranks, self.settings = name, make, ranks, list(settings)
        self.known = None

    def configuration(self):
        return self.make()

    def start(self, path, ranks=None, settings=(), **options):
        return runs.train(
            self.configuration(), path, ranks or self.ranks, self.settings + list(settings), **options)

    def straight(self):
        """The run without an interruption, with a checkpoint of every step; made once."""
        if self.known is None:
            path = f"{runs.SCRATCH}/straight-{self.name}"
            self.start(path)
            self.known = runs.Run(path)
        return self.known


def glyphs():
    data("glyphs", GLYPHS_RECIPE)
    return write("glyphs.yaml", GLYPHS)


def coupled():
    data("glyphs", GLYPHS_RECIPE)
    coupling = """coupling:
  infoNCE:
    between: [image, table]
    projections: {image: [{linear: {out: 6}}], table: [{dropout: {rate: 0.2}}, {linear: {out: 6}}]}
    weight: 0.5
heads:"""
    return write("coupled.yaml", GLYPHS.replace("heads:", coupling))


def rows():
    data("glyphs", GLYPHS_RECIPE)
    return write("rows.yaml", ROWS)


def streams():
    write("text.txt", walk())
    data("streams", STREAMS_RECIPE)
    return write("streams.yaml", STREAMS)


def numbered():
    write("numbers.csv", numbers())
    data("numbers", NUMBERS_RECIPE)
    return write("numbers.yaml", NUMBERS)


def factors():
    write("ratings.csv", ratings())
    data("ratings", RATINGS_RECIPE)
    return write("factors.yaml", FACTORS)


WORDS_RECIPE = """name: words
sources:
  clips: {sounds: {folder: clips, pattern: "{label}_{speaker}_{take}.wav"}}
  training: {concatenated: clips, same: speaker, clips: [1, 5], silenceMilliseconds: [0, 1], samples: 70, seed: 1}
splits:
  train: {sound: training, words: training}
  validation: {from: train, fraction: 0.2, seed: 1}
fields:
  sound: {modality: sound}
  words: {modality: label}
"""

WORDS = """name: words
seed: 7
data: {file: words.h5}
batch: {global: 10, micro: 3}
modalities:
  sound:
    field: sound
    encoder: [{conv1d: {out: 8, kernel: 4, stride: 2, padding: 1}}, tanh, {gru: 8}]
heads:
  text: {layers: [{linear: 4}], loss: ctc, target: words}
optimizer: {adam: {learningRate: 0.02}}
train: {epochs: 3}
checkpoint: {everySteps: 1, keep: 1000}
evaluate: {metrics: [tokenErrorRate]}
"""


def words():
    folder = f"{runs.SCRATCH}/clips"
    os.makedirs(folder, exist_ok=True)
    for take in range(4):
        for speaker, length in (("quick", 2), ("slow", 9)):
            for word, pattern in (("one", (1, 1)), ("two", (-1, -1)), ("six", (1, -1))):
                with wave.open(f"{folder}/{word}_{speaker}_{take}.wav", "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(1000)
                    values = [pattern[n % 2] * (7000 + 300 * take) for n in range(length)]
                    file.writeframes(struct.pack(f"<{length}h", *values))
    data("words", WORDS_RECIPE)
    return write("words.yaml", WORDS)
