import Testing

/// Tests that start the program and watch the job: what it says, leaves, survives and refuses, one at a time.
@Suite(.serialized)
struct JobTests {}

/// Tests that start the program for what it learns, keeps and answers, one at a time, beside ``JobTests``: jobs as small
/// as these wait for their starts more than they compute.
@Suite(.serialized)
struct LearningTests {}
