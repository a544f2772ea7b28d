// Replaced by shared test support.
