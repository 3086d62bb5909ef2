"""What the stand-in for W&B's server (wandb_server.py) answers to GraphQL, an entry an operation."""

import base64
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wandb_server import Run, WandbServer

Answer = dict[str, Any]
Values = dict[str, Any]
ENTITY = "local"


def name_of(query: str) -> str:
    """The name of an operation, such as "UpsertBucket"; "unnamed" where it has none."""
    found = re.search(r"(?:query|mutation)\s+(\w+)", query)
    return found[1] if found else "unnamed"


def answer(server: "WandbServer", operation: str, query: str, values: Values) -> Answer:
    """Return the data of an answer; {} for an operation that is not known, which wandb takes for an old server."""
    known = _ANSWERS.get(operation)
    return known(server, values) if known else {}


def _viewer(server: "WandbServer", values: Values) -> Answer:
    viewer = {"id": "1", "entity": ENTITY, "username": ENTITY, "name": ENTITY, "email": "", "admin": False}
    return {"viewer": {**viewer, "flags": "{}", "teams": {"edges": []}, "apiKeys": {"edges": []}}}


def _project(server: "WandbServer", values: Values) -> Answer:
    name = values.get("project") or values.get("projectName") or values.get("name") or "uncategorized"
    entity = values.get("entity") or values.get("entityName") or ENTITY
    known = {"id": f"project-{name}", "internalId": base64.b64encode(f"Project:v1:{name}".encode()).decode()}
    return {**known, "name": name, "entityName": entity, "entity": {"id": f"entity-{entity}", "name": entity}}


def _made_project(server: "WandbServer", name: str) -> None:
    if name not in server.projects:
        server.projects.append(name)


def _get_projects(server: "WandbServer", values: Values) -> Answer:
    known = {"createdAt": "2026-01-01T00:00:00", "isBenchmark": False, "user": None}
    nodes = [{**_project(server, {**values, "name": name}), **known} for name in server.projects]
    edges = [{"node": node, "cursor": node["name"]} for node in nodes]
    return {"models": {"edges": edges, "pageInfo": {"endCursor": None, "hasNextPage": False}}}


def _create_project(server: "WandbServer", values: Values) -> Answer:
    asked = values["input"]
    _made_project(server, asked["name"])
    made = _project(server, {"name": asked["name"], "entity": asked.get("entityName")})
    return {"upsertModel": {"project": made, "model": made, "inserted": True}}


def _upsert_run(server: "WandbServer", values: Values) -> Answer:
    from wandb_server import Run

    fresh = values["name"] not in server.runs
    run = server.runs.setdefault(values["name"], Run())
    run.about |= {key: value for key, value in values.items() if value is not None}
    if values.get("config"):
        config = json.loads(values["config"])
        run.config |= {key: one["value"] for key, one in config.items() if key != "_wandb"}
    if values.get("summaryMetrics"):
        run.summary = json.loads(values["summaryMetrics"])
    run.become("running")
    project = _project(server, values)
    _made_project(server, project["name"])
    bucket = {"id": values["name"], "name": values["name"], "description": None, "config": None}
    bucket |= {"displayName": run.about.get("displayName") or values["name"], "sweepName": run.about.get("sweep")}
    bucket |= {"historyLineCount": len(run.history), "project": project}
    return {"upsertBucket": {"bucket": bucket, "inserted": fresh}}


def _resumed(server: "WandbServer", values: Values) -> Answer:
    """What a run that goes on must know: how many lines there are, the last ones, summary and config."""
    project = _project(server, values)
    if values["name"] not in server.runs:
        return {"model": {**project, "bucket": None}}
    run = server.runs[values["name"]]
    run.exit_code = None
    bucket = {"id": values["name"], "name": values["name"], "displayName": run.about.get("displayName")}
    bucket |= {"summaryMetrics": json.dumps(run.summary), "config": _config(run), "wandbConfig": '{"t": 1}'}
    bucket |= {"historyLineCount": len(run.history), "historyTail": _tail(run.history)}
    bucket |= {"eventsLineCount": len(run.events), "eventsTail": _tail(run.events), "logLineCount": len(run.output)}
    bucket |= {"tags": run.about.get("tags") or [], "stopped": False}
    return {"model": {**project, "bucket": bucket}}


def _config(run: "Run") -> str:
    return json.dumps({key: {"value": value, "desc": None} for key, value in run.config.items()})


def _tail(lines: list[dict[str, Any]]) -> str:
    return json.dumps([json.dumps(line) for line in lines[-1:]])


def _create_files(server: "WandbServer", values: Values) -> Answer:
    run = values["run"]
    files = [{"name": name, "uploadUrl": f"{server.url}/run-file/{run}/{name}"} for name in values.get("files") or []]
    return {"createRunFiles": {"runID": run, "uploadHeaders": [], "files": files}}


def _run_of(name: str, run: "Run") -> Answer:
    """A run as W&B's public API tells of it."""
    shown = {"id": name, "name": name, "displayName": run.about.get("displayName") or name, "state": run.state}
    shown |= {"tags": run.about.get("tags") or [], "group": run.about.get("groupName"), "commit": None}
    shown |= {"jobType": run.about.get("jobType"), "notes": run.about.get("notes"), "description": None}
    shown |= {"config": _config(run), "summaryMetrics": json.dumps(run.summary), "systemMetrics": "{}"}
    shown |= {"historyLineCount": len(run.history), "historyKeys": {}, "readOnly": False, "projectId": "1"}
    shown |= {"createdAt": "2026-01-01T00:00:00", "heartbeatAt": "2026-01-01T00:00:00", "sweepName": None}
    return {**shown, "user": {"name": ENTITY, "username": ENTITY}}


def _runs(server: "WandbServer", values: Values) -> Answer:
    """All runs of a project on one page; filters are not obeyed."""
    project = _project(server, values)
    if project["name"] not in server.projects:
        return {"project": None}
    nodes = [
        _run_of(name, run)
        for name, run in server.runs.items()
        if run.about.get("project", "uncategorized") == project["name"]
    ]
    edges = [{"node": node, "cursor": node["name"]} for node in nodes]
    page = {"edges": edges, "pageInfo": {"endCursor": None, "hasNextPage": False}}
    return {"project": {**project, "internalId": "1", "runCount": len(nodes), "readOnly": False, "runs": page}}


def _run(server: "WandbServer", values: Values) -> Answer:
    run = server.runs.get(values["name"])
    return {"project": {"run": _run_of(values["name"], run) if run else None}}


def _history_keys(server: "WandbServer", values: Values) -> Answer:
    run = server.runs[values["name"]]
    last = max((line["_step"] for line in run.history), default=-1)
    names = {key for line in run.history for key in line}
    keys = {name: {"typeCounts": [{"type": "number", "count": len(run.history)}]} for name in sorted(names)}
    return {"project": {"run": {"historyKeys": {"lastStep": last, "keys": keys}}}}


def _delete_run(server: "WandbServer", values: Values) -> Answer:
    server.runs.pop(values["id"], None)
    return {"deleteRun": {"clientMutationId": None}}


def _create_artifact(server: "WandbServer", values: Values) -> Answer:
    """A version with the same content is one that is there: the client uploads nothing."""
    from wandb_server import Artifact

    given = values.get("input") or values
    name, digest = given["artifactCollectionName"], given["digest"]
    known = {one.digest: key for key, one in server.artifacts.items() if one.name == name and one.is_committed}
    key = known.get(digest) or f"artifact{len(server.artifacts)}"
    aliases = [one["alias"] for one in given.get("aliases") or []]
    if digest not in known:
        metadata = json.loads(given.get("metadata") or "{}")
        type_, run = given["artifactTypeName"], given.get("runName")
        server.artifacts[key] = Artifact(name, type_, run, digest, metadata, aliases)
    state = "COMMITTED" if digest in known else "PENDING"
    sequence = {"id": f"sequence-{name}", "latestArtifact": None}
    return {"createArtifact": {"artifact": {"id": key, "state": state, "artifactSequence": sequence}}}


def _manifest(operation: str) -> Callable[["WandbServer", Values], Answer]:
    def answered(server: "WandbServer", values: Values) -> Answer:
        given = values.get("input") or values
        key = given.get("artifactID") or given["artifactManifestID"].removeprefix("manifest-")
        file = {"id": "f", "name": "manifest", "displayName": "manifest", "uploadHeaders": []}
        file |= {"uploadUrl": f"{server.url}/manifest/{key}"}
        return {operation: {"artifactManifest": {"id": f"manifest-{key}", "file": file}}}

    return answered


def _artifact_files(server: "WandbServer", values: Values) -> Answer:
    edges = []
    for number, file in enumerate((values.get("input") or values)["artifactFiles"]):
        key, name = file["artifactID"], file["name"]
        node = {"id": str(number), "name": name, "displayName": name, "artifact": {"id": key}}
        node |= {"uploadUrl": f"{server.url}/artifact-file/{key}/{name}", "uploadHeaders": []}
        edges.append({"node": {**node, "storagePath": f"{key}/{name}", "uploadMultipartUrls": None}})
    return {"createArtifactFiles": {"files": {"edges": edges}}}


def _commit_artifact(server: "WandbServer", values: Values) -> Answer:
    key = (values.get("input") or values)["artifactID"]
    server.artifacts[key].is_committed = True
    return {"commitArtifact": {"artifact": {"id": key, "digest": server.artifacts[key].digest}}}


def _get_sweep(server: "WandbServer", values: Values) -> Answer:
    assert server.sweep is not None
    shown = {"id": "sweep", "name": values.get("sweep"), "state": "RUNNING", "config": server.sweep.config}
    shown |= {"controller": "{}", "scheduler": "{}", "description": None, "priorRuns": [], "runs": {"edges": []}}
    return {"project": {**_project(server, values), "sweep": shown}}


def _create_agent(server: "WandbServer", values: Values) -> Answer:
    assert server.sweep is not None
    server.sweep.agents += 1
    return {"createAgent": {"agent": {"id": f"agent{server.sweep.agents}"}}}


def _heartbeat(server: "WandbServer", values: Values) -> Answer:
    """The next run where the agent has none, and the end after the last."""
    sweep = server.sweep
    assert sweep is not None
    given = values.get("input") or values
    running = json.loads(given.get("runState") or "{}")
    commands: list[dict[str, Any]] = []
    if not running and sweep.given < len(sweep.runs):
        arguments = {key: {"value": value} for key, value in sweep.runs[sweep.given].items()}
        commands = [{"type": "run", "run_id": sweep.run_id(sweep.given), "args": arguments}]
        commands[0]["program"] = sweep.program
        sweep.given += 1
    elif not running:
        commands = [{"type": "exit"}]
    return {"agentHeartbeat": {"agent": {"id": "agent"}, "commands": json.dumps(commands)}}


def _upsert_view(server: "WandbServer", values: Values) -> Answer:
    """A workspace or a report: kept with its spec read; one with an id takes the place of that one."""
    replaced = [name for name in server.views if _view_of(name, values)["id"] == values.get("id")]
    name = replaced[0] if replaced else values["name"]
    server.views[name] = {**values, "name": name, "spec": json.loads(values["spec"])}
    _made_project(server, values["projectName"])
    project = _project(server, {"project": values["projectName"], "entity": values["entityName"]})
    view = {**_view_of(name, server.views[name]), "project": project, "spec": values["spec"]}
    return {"upsertView": {"view": view, "inserted": not replaced}}


def _views(server: "WandbServer", values: Values) -> Answer:
    """Views of a project: of a type, and of a name where one is asked for."""
    project, name = _project(server, values), values.get("viewName")
    nodes = [
        {**_view_of(key, view), "spec": json.dumps(view["spec"])}
        for key, view in server.views.items()
        if view["projectName"] == project["name"] and view["type"] == (values.get("viewType") or "runs")
        if name is None or name in (key, view["displayName"])
    ]
    edges = [{"node": node, "cursor": node["name"]} for node in nodes]
    page = {"edges": edges, "pageInfo": {"endCursor": None, "hasNextPage": False}}
    return {"project": {**project, "allViews": page} if project["name"] in server.projects else None}


def _view_of(name: str, view: Values) -> Answer:
    found = {key: view.get(key) for key in ("type", "name", "displayName", "description")}
    found |= {"id": base64.b64encode(f"View:{name}".encode()).decode(), "user": None}
    return {**found, "createdAt": "2026-01-01T00:00:00", "updatedAt": "2026-01-01T00:00:00"}


_ANSWERS: dict[str, Callable[["WandbServer", Values], Answer]] = {
    "Viewer": _viewer,
    "GetViewer": _viewer,
    "GetDefaultEntity": _viewer,
    "ServerFeaturesQuery": lambda server, values: {"serverInfo": {"features": []}},
    "ProjectInternalId": lambda server, values: {"project": _project(server, values)},
    "GetProjects": _get_projects,
    "CreateProject": _create_project,
    "UpsertBucket": _upsert_run,
    "RunResumeStatus": _resumed,
    "RunStoppedStatus": lambda server, values: {"project": {"run": {"stopped": False}}},
    "CreateRunFiles": _create_files,
    "Runs": _runs,
    "Run": _run,
    "RunHistoryKeys": _history_keys,
    "DeleteRun": _delete_run,
    "ArtifactType": lambda server, values: {"project": None},  # no version of it is there
    "CreateArtifact": _create_artifact,
    "CreateArtifactManifest": _manifest("createArtifactManifest"),
    "UpdateArtifactManifest": _manifest("updateArtifactManifest"),
    "CreateArtifactFiles": _artifact_files,
    "CommitArtifact": _commit_artifact,
    "SweepWithRuns": _get_sweep,
    "CreateAgent": _create_agent,
    "Heartbeat": _heartbeat,
    "upsertView": _upsert_view,
    "UpsertView2": _upsert_view,
    "View": _views,
    "ProjectViews": _views,
}
