"""What the server wires up: `TensorBoards` (start, stop_all) and the two routers."""

from app.tensorboard.manager import TensorBoards
from app.tensorboard.routes import page_router, router

__all__ = ["TensorBoards", "page_router", "router"]
