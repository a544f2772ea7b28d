import Reports
import Training

extension CountedPlan {
  /// What `aimass plan` prints.
  var text: String {
    var layers = TextTable([.init("parameters"), .init("extents", .right)])
    for slot in slots {
      layers.add([slot.name, slot.shape.map(String.init).joined(separator: "×")])
    }
    var sizes = TextTable([.init("what"), .init("value", .right)])
    sizes.add(["parameters", HumanUnits.count(parameters)])
    sizes.add(["training samples", HumanUnits.count(trainingSamples)])
    sizes.add(["steps (sweeps)", HumanUnits.count(steps)])
    sizes.add([
      "operations per step",
      HumanUnits.fixed(1e-9 * Double(operationsPerStep), digits: 3) + " GFLOP",
    ])
    sizes.addRule()
    for part in memory { sizes.add([part.name, HumanUnits.bytes(part.bytes)]) }
    sizes.add(["memory per rank", HumanUnits.bytes(memory.reduce(0) { $0 + $1.bytes })])
    sizes.add(["received by a rank per step", HumanUnits.bytes(receivedPerStep)])
    return "\(name) on \(HumanUnits.counted(ranks, "rank"))\n\n" + layers.text(indent: 2) + "\n"
      + sizes.text(indent: 2)
  }
}
