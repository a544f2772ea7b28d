import Configuration
import Testing

@Suite("Overrides")
struct OverrideTests {
  private func decode(_ overrides: String...) throws -> RunConfiguration {
    try RunConfiguration.decode(yaml: Samples.full, name: "run.yaml", overrides: overrides)
  }

  @Test("Values replace what the file says, by path and index")
  func replace() throws {
    #expect(try decode("seed=5").seed == 5)
    #expect(try decode("batch.global=128", "batch.global=256").batch.global == 256)
    let run = try decode(
      "modalities.word.encoder.4.linear.out=10", "modalities.word.encoder.2.leakyRelu.slope=0.3",
      "heads.price.layers.0.linear.out=2", "optimizer.lars.groups.0.learningRate=0.25",
      "evaluate.metrics=[r2]", "evaluate.earlyStop=null", "evaluate.best=null",
      "data.files.1=other.h5")
    let word = run.model.modalities[1].encoder
    #expect(word[4] == .linear(out: 10, bias: false))
    #expect(word[2] == .activation(.leakyRelu(slope: 0.3)))
    #expect(run.model.heads[1].layers == [.linear(out: 2, bias: true)])
    #expect(run.optimizer.groups[0].learningRate == 0.25)
    #expect(run.evaluate.metrics == ["r2"] && run.evaluate.earlyStop == nil)
    #expect(run.data.files == ["a b.h5", "other.h5"])
  }

  @Test("Sections and options that the file leaves out can be given")
  func add() throws {
    let run = try RunConfiguration.decode(
      yaml: Samples.small("schedule: cosine"), name: "run.yaml",
      overrides: [
        "checkpoint.keep=9", "schedule.cosine.final=0.5", "train.epochs=null", "train.steps=7",
        "modalities.table.encoder.0.linear.bias=false",
        "heads.out.loss.crossEntropy.labelSmoothing=0.2",
      ])
    #expect(run.checkpoint.keep == 9)
    #expect(run.schedule.form == .cosine(final: 0.5))
    #expect(run.train.length == .steps(7))
    #expect(run.model.modalities[0].encoder[0] == .linear(out: 4, bias: false))
    #expect(run.model.heads[0].loss == .crossEntropy(labelSmoothing: 0.2, classWeights: nil))
  }

  @Test(
    "What is wrong with an override is told beside it",
    arguments: [
      ("train.epohcs=3", "--set train.epohcs=3: train.epohcs: unknown key `epohcs`"),
      ("train.epohcs=null", "did you mean `epochs`?"),
      ("batch.global=many", "--set batch.global=many: batch.global: expected a whole number"),
      ("nothing", "--set nothing: expected key=value, as in train.epochs=3"),
      ("=3", "--set =3: expected a dotted path before =, as in train.epochs=3"),
      ("a..b=3", "--set a..b=3: expected a dotted path before =, as in train.epochs=3"),
      ("seed=[", "--set seed=[: not valid YAML at column"),
      ("name.first=x", "--set name.first=x: name: holds small, which has no key `first`"),
      (
        "modalities.table.encoder.2.linear=3",
        "modalities.table.encoder.2: expected an index in 0 ..< 2, found 2"
      ),
      ("name=null", "run.yaml:1: missing key `name`"),
    ])
  func wrong(override: String, message: String) throws {
    let text = try #require(Samples.message(Samples.small(), [override]))
    #expect(text.contains(message), "\(text)")
    #expect(!text.contains("\n"), "\(text)")
  }
}
