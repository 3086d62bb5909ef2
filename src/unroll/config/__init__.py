"""What may be asked: overrides and YAML come in, validated and named trials go out."""
