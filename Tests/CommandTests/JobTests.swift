import Testing

// Four lanes of tests that start the program, one job at a time in each: jobs as small as these wait for their starts
// more than they compute. `launch/test` runs three of the lanes in a process of their own.

/// What a job says, leaves, survives and refuses.
@Suite(.serialized)
struct JobTests {}

/// What is told and kept where configurations, data, numbers, ranks, disks or writers fail.
@Suite(.serialized)
struct FailureTests {}

/// What a run learns, keeps and answers.
@Suite(.serialized)
struct LearningTests {}

/// What runs with less: pruning, smaller networks, teachers, constraints.
@Suite(.serialized)
struct CompressionTests {}
