"""Many trials: a suite comes in, its trials are trained, and their state goes out."""
