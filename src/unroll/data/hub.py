"""Files of a data set repository on the Hugging Face hub, or of a local folder in the hub's layout."""

import io
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.data.sources import Found, Unavailable, found
from unroll.errors import UserError
from unroll.names import inside

PROBE_SECONDS = 5.0


def locate(name: str, source: Mapping[str, Any], paths: Mapping[str, Any], download: bool) -> Found:
    """Get the files of `source` by their paths in the repository.

    With UNROLL_HUB=FOLDER the repository is FOLDER/OWNER/NAME and the network is left alone. Otherwise
    huggingface_hub gives them, from its own cache alone when HF_HUB_OFFLINE is set or the hub does not answer
    within a few seconds. A file given as {path:, column:} is a Parquet or JSON-lines table of which one text
    column is taken, a line a row, empty for null. Raises Unavailable where the hub, the repository or a file is not
    there.
    """
    repository, revision, files = source["hub"], source.get("revision") or "main", source["files"]
    inside(Path(), repository, f"data set '{name}': source.hub")
    places: Mapping[str, Any] = {file: file for file in files} if isinstance(files, list) else files
    wanted = {file: {"path": at} if isinstance(at, str) else at for file, at in places.items()}
    local = os.environ.get("UNROLL_HUB")
    get = _from_folder(Path(local) / repository) if local else _from_hub(repository, revision, download)
    for at in wanted.values():
        inside(Path(repository), at["path"], f"data set '{name}': a file of source.hub")
    fetched = {path: get(path) for path in dict.fromkeys(at["path"] for at in wanted.values())}
    commit = _commit(next(iter(fetched.values()))) if not local else "local folder"
    contents = {}
    for file, at in wanted.items():
        try:
            content = fetched[at["path"]].read_bytes()
        except OSError as error:
            raise Unavailable(f"{fetched[at['path']]} cannot be read: {error.strerror}") from error
        column = at.get("column")
        contents[file] = content if column is None else _lines(name, at["path"], content, column)
    expected = {file: at.get("sha256") for file, at in wanted.items()}
    return found(name, f"hub {repository}@{commit or revision}", contents, expected, where=repository)


def _from_folder(folder: Path) -> Any:
    def get(path: str) -> Path:
        if not (folder / path).is_file():
            raise Unavailable(f"UNROLL_HUB: there is no file {folder / path}")
        return folder / path

    return get


def _from_hub(repository: str, revision: str, download: bool) -> Any:
    import huggingface_hub
    from huggingface_hub import constants  # not an attribute before it is imported

    if not download:
        trouble = "it was not to be downloaded"
    elif constants.HF_HUB_OFFLINE:
        trouble = "HF_HUB_OFFLINE is set"
    else:
        trouble = _probe(constants.ENDPOINT)

    def get(path: str) -> Path:
        try:
            return Path(
                huggingface_hub.hf_hub_download(
                    repository,
                    path,
                    repo_type="dataset",
                    revision=revision,
                    local_files_only=bool(trouble),
                    etag_timeout=PROBE_SECONDS,
                )
            )
        except Exception as error:
            if trouble:
                raise Unavailable(f"{trouble}, and {path} is not in the hub's cache") from error
            said = next(iter(str(error).splitlines()), "")
            raise Unavailable(f"{path}: {type(error).__name__}: {said}") from error

    return get


def _probe(endpoint: str) -> str:
    """Return why the hub cannot be reached, or "": within PROBE_SECONDS, name look-up included."""
    import huggingface_hub

    answer = [f"{endpoint} did not answer within {PROBE_SECONDS:.0f} s"]

    def ask() -> None:
        try:
            huggingface_hub.get_session().head(endpoint, timeout=PROBE_SECONDS)
            answer[0] = ""
        except Exception as error:
            answer[0] = f"{endpoint} cannot be reached ({type(error).__name__})"

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answer[0]


def _commit(file: Path) -> str:
    parts = file.parts
    return parts[parts.index("snapshots") + 1][:12] if "snapshots" in parts else ""


def _lines(name: str, path: str, content: bytes, column: str) -> bytes:
    import polars

    try:
        read = polars.read_parquet if path.lower().endswith(".parquet") else polars.read_ndjson
        table = read(io.BytesIO(content))
    except polars.exceptions.PolarsError as error:
        raise UserError(f"data set '{name}': {path} is not the table that it should be", saw=str(error)) from error
    if column not in table.columns:
        raise UserError(f"data set '{name}': {path} has no column '{column}'", allowed=table.columns)
    cells = table[column].to_list()
    wrong = next((cell for cell in cells if not isinstance(cell, str | None)), None)
    if wrong is not None:
        raise UserError(
            f"data set '{name}': column '{column}' of {path} holds no texts",
            saw=repr(wrong)[:80],
            allowed="a column of texts",
        )
    return "\n".join((cell or "").replace("\n", " ") for cell in cells).encode()
