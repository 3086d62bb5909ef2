"""Pictures of the documentation: what each architecture and each task does, drawn from its YAML as small SVG files."""
