"""Planning: overrides come in, validated and hashed trials go out.

In: Hydra overrides and the YAML groups of conf/ (and of a user's --config-dir).
Out: `Trial` objects with a resolved plain config and a trial id; lists of them for suites. Imports no torch.
"""
