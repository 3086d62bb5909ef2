"""Hydra looks for YAML where Unroll does: also in the folders of installed packages."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from unroll.registry.groups import conf_directory, config_directories


class UnrollSearchPath(SearchPathPlugin):
    """Adds the folders to Unroll's own search path, and to no other application's."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        main = [place.path for place in search_path.get_path() if place.provider == "main"]
        if main and main[0].removeprefix("file://") == str(conf_directory()):
            for folder in config_directories()[1:]:
                search_path.append(provider="unroll.plugins", path=f"file://{folder}")
