"""Architectures: an embedded, padded sequence comes in; a code, and from the code an output, goes out.

Encoder `(x [B,T,D], lengths [B], mask [B,T]) -> Encoded(states [B,S,H] or None, mask [B,S], code [B,Z])`,
bottleneck (the code's width and what regularises it), decoder `(code, memory, length, inputs?) -> [B,T',H]`.
A new architecture is one file here and one YAML in conf/architecture.
"""
