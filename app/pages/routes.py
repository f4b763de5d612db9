"""The pages to look at: experiments, an experiment, a run, workers, compare; and the parts that refresh themselves."""

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.api.queries import worker_dicts
from app.auth.deps import require_page
from app.clock import utcnow
from app.compare.first import first_urls
from app.compare.views.store import default_of
from app.config import Settings, run_dir
from app.db import ReadSession
from app.deps import DbDep, RunIdPath, SettingsDep, SlugPath
from app.disk import shortage
from app.environments.record import recorded
from app.errors import Invalid, TooLarge
from app.experiments import queries as experiments
from app.fields import MAX_ID
from app.pages import shapes
from app.pages.new_run import commands_of
from app.pages.script_code import code_of
from app.queue.queries import live_offers
from app.queue.store import paused
from app.runs import queries as runs
from app.runs import repeat
from app.runs.failing import traceback_of
from app.runs.files import list_files
from app.runs.listing.compiled import BadQuery
from app.runs.listing.queries import list_runs
from app.runs.listing.request import RunListQuery
from app.runs.logfile import tail_log
from app.runs.place import folder_of, listed
from app.runs.views import Json
from app.runs.words import RunState
from app.web import page, partial

router = APIRouter(dependencies=[Depends(require_page("read"))])

SORTS = (
    ("-created", "Newest first"),
    ("created", "Oldest first"),
    ("name", "By name"),
    ("-duration", "Longest first"),
    ("-updated", "Last active first"),
)
FILES_SHOWN = 30
LOG_LINES = 30
MAX_COMPARED = 200
Context = dict[str, Any]
RunIds = Annotated[tuple[Annotated[int, Query(ge=1, le=MAX_ID)], ...], Query(alias="run")]


@router.get("/")
def index(request: Request, db: DbDep, settings: SettingsDep, cursor: str | None = None) -> Response:
    """Every experiment, newest first."""
    boards = request.app.state.tensorboards.statuses()
    with db.read() as session:
        shown, more = experiments.list_experiments(session, cursor=cursor)
    for experiment in shown:
        status = boards.get(experiment["slug"])
        experiment["tensorboard"] = str(status.state.value) if status else "stopped"
    example = {"experiment": "first", "recipe": "rings", "params": {"lr": 0.001}}
    context: Context = {"experiments": shown, "next": more, "curl": repeat.curl(example, settings.origin)}
    if _wants_part(request):
        return partial(request, "experiments/_cards.html", **context)
    return page(request, "experiments/index.html", nav="experiments", **context)


@router.get("/experiments/{slug}")
def experiment(
    request: Request,
    slug: SlugPath,
    db: DbDep,
    settings: SettingsDep,
    tab: str = "runs",
    q: Annotated[str, Query(max_length=500)] = "",
    state: str = "",
    sort: str = "-created",
    sweep: str = "",
    cursor: str | None = None,
) -> Response:
    """One experiment: its runs, or its TensorBoard."""
    with db.read() as session:
        about = experiments.experiment_dict(session, slug)
        if not request.url.query and not _wants_part(request):
            view = default_of(session, slug)
            if view is not None:
                return RedirectResponse(view["links"]["page"], 302, {"Cache-Control": "no-store"})
        if tab == "tensorboard":
            return page(request, "experiments/show.html", nav="experiments", experiment=about, tab=tab)
        states = [RunState(state)] if state in set(RunState) else []
        query = _run_list(
            experiment=slug,
            q=q or None,
            state=states,
            sweep=sweep or None,
            sort=_first_key(sort),
            cursor=cursor,
        )
        shown, more, problem = _first_page(session, settings, query)
    context: Context = {
        "experiment": about, "tab": "runs", "runs": shown, "next": more, "q": q, "state": state, "sort": sort,
        "problem": problem,
        "sweep": sweep,
        "params": shapes.main_params(shown), "metrics": shapes.main_metrics(shown),
        "sorts": SORTS if sort in dict(SORTS) else (*SORTS, (sort, f"By {sort}")),
        "first": first_urls(request.query_params, experiment=slug, known=[run["id"] for run in shown]),
    }  # fmt: skip
    return page(request, "experiments/show.html", nav="experiments", **context)


def _first_key(sort: str) -> str:
    """The first key of a workbench's sort; the list of runs has no others."""
    return unquote(sort.split(",", maxsplit=1)[0]).removesuffix(".last") or "-created"


def _first_page(
    session: ReadSession, settings: Settings, query: RunListQuery
) -> tuple[list[Json], str | None, str | None]:
    """Runs, the next page's cursor, and what is wrong with the query, which the page then says."""
    try:
        return *list_runs(session, settings, query), None
    except BadQuery as error:
        return [], None, error.detail
    except Invalid as error:
        if "sort" not in (error.fields or {}):
            raise
        # the workbench sorts by more columns than the list does
        return *list_runs(session, settings, query.model_copy(update={"sort": "-created"})), None


def _run_list(**asked: Any) -> RunListQuery:
    """What a page asks of the list of runs; a wrong value is answered as it is by the API."""
    try:
        return RunListQuery(**asked)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


@router.get("/runs/{run_id}")
def run(request: Request, run_id: RunIdPath, db: DbDep, settings: SettingsDep) -> Response:
    """One run, whole."""
    context = run_context(db, settings, run_id)
    with db.read() as session:
        code = context["code"] = code_of(session, settings, context["run"])
    context |= commands_of(context["run"], settings.origin, code["params"] if code else None)
    return page(request, "runs/show.html", nav="experiments", **context)


@router.get("/runs/{run_id}/live")
def run_live(request: Request, run_id: RunIdPath, db: DbDep, settings: SettingsDep) -> Response:
    """The parts of a run's page that move."""
    return partial(request, "runs/_live.html", **run_context(db, settings, run_id))


@router.get("/runs/{run_id}/environment")
def run_environment(request: Request, run_id: RunIdPath, db: DbDep, settings: SettingsDep) -> Response:
    """The part of a run's page that says in what it ran."""
    with db.read() as session:
        row = runs.get_row(session, run_id)
    record = recorded(run_dir(settings, row.experiment, row.run.slug))
    return partial(request, "runs/_environment.html", record=record)


def run_context(db: DbDep, settings: SettingsDep, run_id: int) -> Context:
    """What the templates of a run's page need.

    Raises:
        NotFound: there is no such run.
    """
    with db.read() as session:
        shown = runs.run_dict(session, settings, run_id)
        events = runs.timeline(session, run_id)
        stored = runs.get_row(session, run_id).run
    folder = run_dir(settings, shown["experiment"], shown["slug"])
    place, only = folder_of(folder, stored.logdir), listed(stored.logdir, stored.imported)
    files, more = list_files(place, limit=FILES_SHOWN, only=only)
    context: Context = {"run": shown, "events": events, "files": files, "more_files": more is not None}
    context["imported_from"] = stored.logdir
    if shown["state"] == RunState.FAILED:
        snapshot = settings.snapshots_dir / shown["snapshot"] if shown["snapshot"] else None
        traceback = traceback_of(folder, snapshot)
        context["traceback"] = traceback and shapes.traceback(traceback)
        context["log_tail"] = tail_log(folder, LOG_LINES).data.decode("utf-8", "replace")
    return context


@router.get("/workers")
def workers(request: Request, db: DbDep, settings: SettingsDep) -> Response:
    """Who can run something, and on what."""
    with db.read() as session:
        shown = worker_dicts(session, settings, utcnow())
    if _wants_part(request):
        return partial(request, "workers/_list.html", workers=shown)
    return page(request, "workers/index.html", nav="workers", workers=shown)


@router.get("/notices")
def notices(request: Request, db: DbDep, settings: SettingsDep) -> Response:
    """What stands in the way of every run: no worker, no disk, a paused queue."""
    with db.read() as session:
        offers = live_offers(session, settings, utcnow())
        pause = paused(session)
    return partial(
        request, "_partials/notices.html", disk=shortage(settings), no_worker=not offers, paused=pause
    )


@router.get("/compare")
def compare(request: Request, db: DbDep, settings: SettingsDep, ids: RunIds = ()) -> Response:
    """Several runs side by side.

    Raises:
        TooLarge: more than 200 runs.
    """
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MAX_COMPARED:
        raise TooLarge(f"At most {MAX_COMPARED} runs can be compared; the address names {len(wanted)}.")
    with db.read() as session:
        shown: list[Json] = runs.run_dicts(session, settings, wanted)
    differ = shapes.differing(shown)
    keys = differ + [key for key in shapes.all_params(shown) if key not in differ]
    tags = shapes.all_tags(shown)
    slugs = list(dict.fromkeys(run["experiment"] for run in shown))
    there = {run["id"] for run in shown}
    missing = [run_id for run_id in wanted if run_id not in there]
    return page(
        request, "compare/index.html", nav="experiments", runs=shown, missing=missing, keys=keys, differing=differ, tags=tags,
        experiments=slugs, first=first_urls(request.query_params, known=[run["id"] for run in shown]),
    )  # fmt: skip


def _wants_part(request: Request) -> bool:
    """A refresh by htmx of one part, as opposed to a whole page (which it may ask for, too)."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-request-type") != "full"
