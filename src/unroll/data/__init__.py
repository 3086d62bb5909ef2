"""Data sets: in goes the `data` node of a config, out come the same examples whatever source they came from.

`examples.load_examples` is the door: sources (local folder, hub, wheel) -> raw files, checked by SHA-256
-> a reader from `readers/` -> normalised columns -> Arrow tables in the cache. `text`, `batching`, `splits`
and `module` turn those examples into tensors. Nothing here imports torch or datasets until it is called.
"""
