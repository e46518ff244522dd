"""Where the nodes of a graph ran, read from what the runtime itself wrote."""

KERNEL = "_kernel_time"


def nodes_by_provider(events):
    """Return {provider: [node names]} from the events of an ONNX Runtime profile (Chrome trace format).

    A node counts once however often it ran; names keep the order in which they first ran.
    """
    placed = {}
    seen = set()
    for event in events:
        name = event.get("name", "")
        provider = (event.get("args") or {}).get("provider")
        if provider and name.endswith(KERNEL) and name not in seen:
            seen.add(name)
            placed.setdefault(provider, []).append(name[: -len(KERNEL)])
    return placed


def nodes_by_assignment(subgraphs):
    """Return {provider: [node names]} from ONNX Runtime's graph assignment (nodes before any fusing)."""
    placed = {}
    for subgraph in subgraphs:
        placed.setdefault(subgraph.ep_name, []).extend(node.name for node in subgraph.get_nodes())
    return placed
