import Testing

/// All tests that start the program, one at a time: each job already uses every core.
@Suite(.serialized)
struct JobTests {}
