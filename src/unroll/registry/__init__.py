"""Components: config nodes come in; classes, objects, and their short names, versions and defaults go out.

`versions.json` lists every component of the package. `tools/list_components.py` writes it.
"""
