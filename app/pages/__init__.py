"""The pages: thin routes that read what REST reads and render it."""

from fastapi import APIRouter

from app.environments import pages as environments
from app.pages import actions, formats, new_run, new_script, pair, queue, reports, routes
from app.web import environment

__all__ = ["pages_router"]

formats.install(environment())

pages_router = APIRouter(include_in_schema=False)
# /runs/new before /runs/{run_id}
for _router in (
    new_run.router,
    new_script.router,
    actions.router,
    environments.router,
    pair.router,
    queue.router,
    reports.router,
    routes.router,
):
    pages_router.include_router(_router)
