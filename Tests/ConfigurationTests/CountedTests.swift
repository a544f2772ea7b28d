import Configuration
import Testing

@Suite("Counted runs")
struct CountedTests {
  static let smallest = """
    name: movies
    data: {file: movies.h5}
    factorization: {als: {user: user, item: item, value: stars}}
    """

  private func decode(_ yaml: String, _ overrides: [String] = []) throws -> CountedRunConfiguration
  {
    let run = try ConfiguredRun.decode(yaml: yaml, name: "test", overrides: overrides)
    guard case .counted(let counted) = run else { throw Unexpected() }
    return counted
  }

  private struct Unexpected: Error {}

  @Test("Defaults are those of the documentation")
  func defaults() throws {
    let run = try decode(Self.smallest)
    #expect(run.seed == 0 && run.evaluate.everySteps == 1 && run.evaluate.relevant == nil)
    let factorization = run.factorization
    #expect(
      factorization.method == .als(biases: true, weighted: true, biasRegularization: 0.1))
    #expect(factorization.fields == ["user", "item", "stars"])
    #expect(factorization.factors == 32 && factorization.sweeps == 15)
    #expect(factorization.regularization == 0.1 && factorization.deviation == 0.1)
    let implicit = try decode(
      "name: a\ndata: {file: b}\nfactorization: {implicitALS: {user: u, item: i}}")
    #expect(implicit.factorization.method == .implicitALS(alpha: 40))
    #expect(implicit.factorization.value == nil)
    #expect(implicit.factorization.fields == ["u", "i"])
  }

  @Test("What is written reads back equal")
  func roundTrip() throws {
    for overrides in [
      [], ["evaluate.relevant=4", "evaluate.metrics=[rmse, recall@10]", "checkpoint.everySteps=3"],
      ["factorization={implicitALS: {user: u, item: i, value: v, alpha: 2.5, deviation: 0.01}}"],
    ] {
      let run = try decode(Self.smallest, overrides)
      let again = try decode(run.resolvedYAML)
      #expect(again == run && again.resolvedYAML == run.resolvedYAML)
    }
  }

  @Test(
    "Only what decides the numbers is part of the identity",
    arguments: [
      ("factorization.als.sweeps=3", true), ("evaluate.metrics=[mae]", true),
      ("checkpoint.keep=5", true), ("data.file=/elsewhere/movies.h5", true), ("seed=4", false),
      ("factorization.als.factors=3", false), ("factorization.als.deviation=0.2", false),
      ("factorization.als.weighted=false", false), ("data.file=others.h5", false),
    ])
  func identity(override: String, same: Bool) throws {
    let identity = try decode(Self.smallest).identity
    #expect(try (decode(Self.smallest, [override]).identity == identity) == same)
  }

  @Test("A file without the key describes a network")
  func network() throws {
    #expect(throws: ConfigurationError.self) {
      _ = try ConfiguredRun.decode(
        yaml: Self.smallest, name: "test", overrides: ["factorization=null"])
    }
  }
}
