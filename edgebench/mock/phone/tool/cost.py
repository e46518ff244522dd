"""How long an inference takes on a simulated phone and what it draws: made up, but of the right shape.

Multiplications over a speed, a cost of each operator and of each call; more threads help less and less; a graph that
is partly delegated pays for both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgebench.mock.phone.forms import PhoneForm
from edgebench.mock.phone.loads import Work
from edgebench.mock.phone.tool.flags import Options
from edgebench.mock.phone.tool.graph import Graph, Operator
from edgebench.mock.phone.tool.placing import Placed

INT8_FACTOR = 2.2
HALF_FACTOR = 1.5
THREAD_SHARE = 0.85
LEAST_GMACS = 0.1
RAIL_OF = {"cpu": "cpu", "gpu": "gpu"}


@dataclass(frozen=True)
class Cost:
    """One model, where it was placed, on a phone's form; `cpus` are those that the process may run on."""

    form: PhoneForm
    graph: Graph
    placed: Placed
    options: Options
    cpus: tuple[int, ...]

    @property
    def threads(self) -> int:
        """Threads that compute on the CPU."""
        given = int(self.options.number("num_threads"))
        return min(given if given > 0 else 1, max(len(self.cpus), 1))

    @property
    def latency_us(self) -> float:
        """Of one inference at full clock."""
        graph, placed = self.graph, self.placed
        if placed.accelerator == "cpu":
            return self._cpu_us(graph.macs)
        there = graph.macs * placed.share
        speed = self.form.speeds[placed.accelerator]
        half = 1.0 if self.options.on("gpu_precision_loss_allowed") else 1 / HALF_FACTOR
        here_us = self._cpu_us(graph.macs - there) if there < graph.macs else 0.0
        there_us = there / (speed.gmacs * half * 1e3) + speed.op_us * len(graph.operators)
        return here_us + there_us + speed.call_us * max(placed.kernels, 1)

    @property
    def work(self) -> Work:
        """What inferring back to back draws."""
        watts = self.form.speeds[self.placed.accelerator].watts
        if self.placed.accelerator == "cpu":
            watts *= self.threads**0.75
        return Work(RAIL_OF.get(self.placed.accelerator, "tpu"), watts, self.latency_us / 1e6)

    def _cpu_us(self, macs: float) -> float:
        speed = self.form.speeds["cpu"]
        allowed = (cluster.gmacs for cluster in self.form.clusters for cpu in cluster.cpus if cpu in self.cpus)
        fastest = sorted(allowed, reverse=True)[: self.threads]
        gmacs = max(sum(fastest) * THREAD_SHARE ** max(len(fastest) - 1, 0), LEAST_GMACS)
        rate = gmacs * speed.gmacs * 1e3 * (INT8_FACTOR if self.graph.eight_bit else 1.0)
        return macs / rate + speed.op_us * len(self.graph.operators) + speed.call_us

    def by_operator(self, mean_us: float) -> list[tuple[str, str, float]]:
        """(kind, name, ms) by the operators' multiplications; what a delegate took is one row of its name."""
        graph, placed = self.graph, self.placed
        total = graph.macs or 1.0

        def took(operators: list[Operator]) -> float:
            return mean_us / 1000 * sum(operator.macs for operator in operators) / total

        if placed.accelerator == "cpu":
            return [(operator.kind, operator.output, took([operator])) for operator in graph.operators]
        delegated = [operator for operator in graph.operators if operator.on_gpu or placed.share == 1.0]
        rest = [operator for operator in graph.operators if operator not in delegated]
        names = {"gpu": "TfLiteGpuDelegateV2", "nnapi": "TfLiteNnapiDelegate"}
        kind = names.get(placed.accelerator, "ExternalDelegate")
        rows = [(kind, ", ".join(operator.output for operator in delegated[-1:]), took(delegated))]
        return rows + [(operator.kind, operator.output, took([operator])) for operator in rest]
