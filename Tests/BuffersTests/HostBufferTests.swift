import Buffers
import Testing

@Suite("Buffers")
struct HostBufferTests {
  @Test("A buffer is zeroed and starts on a cache line", arguments: [0, 1, 3, 1000])
  func zeroed(count: Int) {
    let buffer = HostBuffer<Float>(count: count)
    #expect(buffer.count == count)
    #expect(UInt(bitPattern: buffer.base) % 64 == 0)
    #expect(buffer.all.allSatisfy { $0 == 0 })
    #expect(buffer.all.count == count)
  }

  @Test("What is stored is found again")
  func stores() {
    let buffer = HostBuffer<Int64>(count: 5)
    buffer[0] = -1
    buffer[4] = .max
    #expect(Array(buffer.all) == [-1, 0, 0, 0, .max])
  }

  @Test(
    "Large pages hold the same, from their border on", arguments: [0, -4, 4, 1 << 20, 40 << 20])
  func largePages(excess: Int) {
    let page = 2 << 20
    for _ in 0..<3 {
      let buffer = HostBuffer<UInt8>(count: page + excess, largePages: true)
      let border = excess < 0 ? 64 : page
      #expect(Int(bitPattern: buffer.base) % border == 0)
      #expect(buffer.all.allSatisfy { $0 == 0 })
      buffer.all.update(repeating: 7)
      #expect(buffer.base[buffer.count - 1] == 7)
    }
  }
}

@Suite("SHA-256")
struct SHA256Tests {
  // FIPS 180-4 examples, as published in NIST's "Examples with Intermediate Values".
  @Test(
    "The published digests come out",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func published(message: String, digest: String) {
    var hash = SHA256()
    hash.update(message)
    #expect(hash.hexadecimal() == digest)
    let atOnce = Array(message.utf8).withUnsafeBytes { SHA256.hexadecimal(of: $0) }
    #expect(atOnce == digest)
  }

  @Test("Pieces give the digest of the whole")
  func pieces() {
    var hash = SHA256()
    for piece in ["a", "", "bc"] { hash.update(piece) }
    #expect(
      hash.hexadecimal() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}
