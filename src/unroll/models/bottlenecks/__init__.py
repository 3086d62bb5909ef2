"""Bottlenecks: the encoder's output comes in; the code, regularised, and its penalty per example go out.

Each file holds one term (`contracts.Term`: corrupt, transform, penalty); `composed.Bottleneck` runs any list of them.
"""
