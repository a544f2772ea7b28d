import Configuration
import Foundation
import Testing

@Suite("The resolved configuration")
struct ResolvedTests {
  private static let constraints = [
    "box: 1", "quantile: {of: 0.9, at: 3}", "samples: {of: 0.9, at: 3, count: 5}", "maxNorm: 3",
    "l1: 1e-4", "group: 2", "topK: 1",
  ]

  @Test("It decodes to an equal value")
  func roundTrip() throws {
    let files = try Samples.files(in: Samples.root.appending(path: "configs"), ending: "yaml")
    var texts = try files.map { try String(contentsOf: $0, encoding: .utf8) }
    texts += [Samples.small(), Samples.full]
    texts += ["sgd", "adamW", "lamb"].map {
      Samples.small().replacingOccurrences(of: "adam:", with: "\($0):")
    }
    texts += [
      "{step: {milestones: [3, 9]}}", "cosine", "polynomial", "{plateau: {metric: accuracy}}",
    ].map { Samples.small("schedule: \($0)") }
    texts += ["bfloat16", "{topK: {density: 0.02, momentum: 0, warmupSteps: 7}}", "{topK: 1}"].map {
      Samples.small("exchange: {wire: \($0)}").replacingOccurrences(of: "adam:", with: "sgd:")
    }
    texts += ["rows: lazy", "rows: dense", "shard: true", "rows: lazy, shard: true"].map {
      Samples.small().replacingOccurrences(
        of: "encoder: [", with: "encoder: [{embedding: {size: 3, \($0)}}, ")
    }
    texts += ["{weighted: w}", "{balanced: label}", "{weighted: {field: w, samplesPerEpoch: 9}}"]
      .map {
        Samples.small().replacingOccurrences(of: "small.h5}", with: "small.h5, sampling: \($0)}")
      }
    texts += [
      "{featureTokens: {size: 3}}, classToken, {pool: first}", "{featureTokens: 5}, {pool: last}",
    ].map { Samples.small().replacingOccurrences(of: "{linear: 4}, relu", with: $0) }
    texts += [Self.ranking, Self.aligned] + Self.pruned + Self.taught + Self.recomputed
    texts += Self.constraints.map {
      Samples.small("constraint: [{match: \"*.weight\", \($0)}, {match: \"*\", box: 2}]")
    }
    texts.append(
      Samples.small("seed: 3").replacingOccurrences(
        of: "small.h5", with: "\"we\\\"ird: \\n \\u2028 # é\\\\.h5\""))
    for text in texts where !text.contains("\nfactorization:") {
      let run = try RunConfiguration.decode(yaml: text, name: "text")
      let resolved = run.resolvedYAML
      let again = try RunConfiguration.decode(yaml: resolved, name: "resolved")
      #expect(again == run, "\(resolved)")
      #expect(again.resolvedYAML == resolved)
      #expect(again.identity == run.identity)
    }
  }

  private static let recomputed = ["none", "blocks", "{blocks: 2}", "{layers: {count: 3}}"].map {
    Samples.small().replacingOccurrences(of: "epochs: 2", with: "epochs: 2, recompute: \($0)")
  }

  private static let pruned = [
    "{polynomial: {final: 0.9, end: 9}}", "{constant: {sparsity: 0.5}}",
    "{constant: {sparsity: 0.5, end: 3, every: 2}}, scope: layer",
    "{oneShot: {sparsity: 0.5, at: 0}}",
    "{oneShot: {at: 4}}, pattern: {group: {keep: 1, of: 4}}",
    "{oneShot: {sparsity: 0.5, at: 3}}, pattern: {group: {keep: 2, of: 4}}",
    "{polynomial: {final: 0.9, end: 9}}, pattern: {block: [1, 8]}, criterion: lamp",
    "{iterative: {final: 0.5, begin: 3, every: 2}}, scope: {groups: \"*\"}, criterion: lamp",
    "{iterative: {final: 0.5, begin: 3, every: 2, rewind: {learningRate: 1}}}, include: \"*.weight\"",
  ].map { Samples.small("pruning: {schedule: \($0)}") }

  private static let taught = [
    "teachers: runs/big", "teachers: [a, ../b], combine: logits, temperature: 2, alpha: 0",
    "teachers: a, heads: {out: class}, cache: answers",
  ].map { Samples.small("distillation: {\($0)}") }

  @Test("Teachers are the same by another folder, and what they say may be kept elsewhere")
  func teachers() throws {
    let identities = try ["teachers: runs/big", "teachers: other/big, cache: x", "teachers: small"]
      .map {
        try RunConfiguration.decode(yaml: Samples.small("distillation: {\($0)}"), name: "text")
          .identity
      }
    #expect(identities[0] == identities[1] && identities[0] != identities[2])
  }

  private static let ranking = Samples.small().replacingOccurrences(
    of: "small.h5}", with: "small.h5, sampling: {negatives: {user: u, item: i, keep: [age]}}}"
  ).replacingOccurrences(of: "loss: crossEntropy, target: label", with: "loss: bpr")

  private static let aligned =
    Samples.small().replacingOccurrences(
      of: "modalities:", with: "modalities:\n  other: {field: other, encoder: [{linear: 4}]}"
    ) + "coupling: {coral: {between: [other, table], projections: {other: [tanh]}, weight: 2}}\n"

  @Test("A sample and its negative stay in one microbatch")
  func pairs() throws {
    let run = try RunConfiguration.decode(yaml: Self.ranking, name: "ranking")
    #expect(run.data.sampling?.fields == ["u", "i"] && run.model.heads[0].target.isEmpty)
    // 8 rows: 4 pairs.
    #expect([1, 2, 3, 8].map { run.resolved(ranks: $0).batch.micro } == [8, 4, 2, 2])
  }

  @Test("It fills in every default")
  func complete() throws {
    let text = try RunConfiguration.decode(yaml: Samples.small(), name: "small").resolvedYAML
    for line in [
      "seed: 0", "prefetch: 4", "weightDecay: 0.0", "beta1: 0.9", "epsilon: 1e-08",
      "warmupSteps: 0", "nonFinite: abort", "lastBatch: keep", "precision: float32", "keep: 2",
      "recompute: none", "everyEpochs: 1",
      "copies: node", "wire: float32", "watchdogSeconds: 120", "checkEvery: 100",
      "labelSmoothing: 0.0", "decoder: greedy",
      "weight: 1.0", "bias: true", "constant:",
    ] {
      #expect(text.contains(line), "\(line) is not in\n\(text)")
    }
  }

  @Test(
    "Only what may change on resume leaves the identity as it is",
    arguments: [
      ("train.epochs=99", true), ("checkpoint.keep=7", true), ("checkpoint.everySteps=3", true),
      ("train.nonFinite=skip", true), ("evaluate.metrics=[accuracy]", true),
      ("evaluate.best=accuracy", true),
      ("evaluate.decoder={beam: 3}", true),
      ("exchange.bucketMiB=9", true), ("exchange.wire=bfloat16", false),
      ("distributed.watchdogSeconds=9", true),
      ("data.file=/other/folder/small.h5", true),
      ("data.file=other.h5", false), ("seed=1", false), ("batch.global=16", false),
      ("batch.micro=2", false), ("train.clipNorm=1", false), ("train.lastBatch=drop", false),
      ("train.precision=bfloat16", false), ("train.recompute={layers: 4}", true),
      ("modalities.table.encoder.0.linear=5", false), ("heads.out.weight=2", false),
      ("optimizer.adam.beta1=0.8", false), ("schedule=cosine", false), ("name=other", false),
      ("heads.out.loss={crossEntropy: {labelSmoothing: 0.1}}", false),
      ("data.sampling={balanced: label}", false), ("heads.out.weights=w", false),
    ])
  func identity(override: String, same: Bool) throws {
    let plain = try RunConfiguration.decode(yaml: Samples.small(), name: "a")
    let changed = try RunConfiguration.decode(
      yaml: Samples.small(), name: "b", overrides: [override])
    #expect(plain != changed)
    #expect((plain.identity == changed.identity) == same)
  }
}
