"""The REST surface, put together: `/api/v1/…`, its documentation, and the health of the server beside it."""

from fastapi import APIRouter

from app.api import docs, health, recipes, workers
from app.compare import routes_importance
from app.compare.diff import routes as diff
from app.compare.seeds import routes as seeds
from app.compare.table import routes as table
from app.compare.views import routes as views
from app.environments import routes as environments
from app.experiments import routes as experiments
from app.exports import routes as exports
from app.imports import routes as imports
from app.live import routes as live
from app.metrics import routes as metrics
from app.metrics import routes_media
from app.queue import routes as queue
from app.reports import routes as reports
from app.runs import routes as runs
from app.runs import routes_bulk, routes_files
from app.runs.listing import routes as listing
from app.snapshots import routes as snapshots
from app.tensorboard import routes as tensorboard
from app.tensorboard import routes_collections as collections

__all__ = ["api_router", "health_router"]

_ours = APIRouter(prefix="/api/v1")
for _subject in (
    collections,
    diff,
    environments,
    experiments,
    exports,
    imports,
    listing,
    queue,
    recipes,
    reports,
    routes_bulk,
    routes_files,
    routes_importance,
    runs,
    seeds,
    snapshots,
    table,
    views,
    workers,
):
    _ours.include_router(_subject.router)

api_router = APIRouter()
"""Everything below /api."""
for _router in (_ours, metrics.router, routes_media.router, tensorboard.router, live.router, docs.router):
    api_router.include_router(_router)

health_router = health.router
"""/healthz, /readyz, /metrics/prometheus."""
