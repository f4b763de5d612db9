"""The graph that a run has logged, as a list of nodes for a tree. Pure."""

from typing import Any

from app.errors import Invalid

MOST_NODES = 20_000
MOST_INPUTS = 32


def graph_nodes(data: bytes) -> dict[str, Any]:
    """Nodes of a serialised GraphDef: {nodes: [[name, op, inputs]], total}; names have a slash between the levels.

    Raises:
        Invalid: it is no GraphDef.
    """
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    graph = GraphDef()
    try:
        graph.ParseFromString(data)
    except DecodeError as error:
        raise Invalid("The graph cannot be read.", fields={"key": "no graph"}) from error
    nodes = [[node.name, node.op, list(node.input[:MOST_INPUTS])] for node in graph.node[:MOST_NODES]]
    return {"nodes": nodes, "total": len(graph.node)}
