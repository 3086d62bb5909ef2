"""Pure statistics: arrays of numbers come in, means, intervals, tests and ranks go out."""
