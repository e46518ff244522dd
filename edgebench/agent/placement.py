"""Where the nodes of a graph ran, read from what the runtime itself wrote."""

KERNEL = "_kernel_time"
DELEGATE = "DELEGATE"
"""What TFLite calls the node that stands for a delegated part of the graph."""


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


def nodes_by_delegate(nodes, parts):
    """Return {accelerator: [node names]} of a TFLite graph.

    `nodes`: {index, op_name, inputs, outputs} as the interpreter tells them, the delegated ones included; `parts`:
    [(accelerator, (inputs, outputs))]. A part holds every node on the way from its outputs back to its inputs; what no
    part holds ran on the CPU.
    """
    makers = {int(output): at for at, node in enumerate(nodes) for output in node["outputs"]}
    where = {}
    for accelerator, (inputs, outputs) in parts:
        reached = [makers[output] for output in outputs if output in makers]
        while reached:
            at = reached.pop()
            if at in where:
                continue
            where[at] = accelerator
            reached.extend(makers[one] for one in map(int, nodes[at]["inputs"]) if one not in inputs and one in makers)
    placed = {}
    for at, node in enumerate(nodes):
        placed.setdefault(where.get(at, "cpu"), []).append("%s %d" % (node["op_name"], node["index"]))
    return placed
