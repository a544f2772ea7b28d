import Parameters
import Testing

@Suite struct DigestTests {
  private func store() -> ParameterStore {
    var layout = ParameterLayout()
    _ = layout.reserve("modalities.image.0.weight", [2, 3], initializer: .constant(0))
    _ = layout.reserve(
      "é.runningMean", [4], role: .statistic(momentum: 0.1, rowsPerSample: 1),
      initializer: .constant(0))
    _ = layout.reserve("heads.y.scale", [], initializer: .constant(0))
    let store = ParameterStore(layout)
    for index in 0..<layout.count { store.base[index] = Float(index) * 0.25 - 1 }
    return store
  }

  // hashlib.sha256 over name + b"\0" + struct.pack("<q", extent)… + values.astype("<f4").tobytes()
  @Test func equalsPythonsRecomputation() {
    #expect(
      store().digest == "7d1ed81aa58f41172624ce1476631fce051d3e9b5e11484f5ae9d400a9eaeddd")
  }

  @Test func changesWithEveryBitNameAndShape() {
    let store = store()
    let before = store.digest
    for index in 0..<store.layout.count {
      let value = store.base[index]
      store.base[index] = value.nextUp
      #expect(store.digest != before)
      store.base[index] = value
    }
    var other = ParameterLayout()
    _ = other.reserve("modalities.image.0.weight", [3, 2], initializer: .constant(0))
    _ = other.reserve("é.runningMean", [4], initializer: .constant(0))
    _ = other.reserve("heads.y.scale", [], initializer: .constant(0))
    #expect(other.digest(of: store.base) != before)
  }
}
