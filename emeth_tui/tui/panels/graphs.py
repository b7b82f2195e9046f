"""What a worker and its device did over time, as graphs: speed, load, memory, temperature, power, loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.tui.drawing.graphs import Graph
from emeth_tui.words.formats import size, speed
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.view.series import WorkerSeries

HOT_C = 85


def worker_graphs(series: WorkerSeries, points: int) -> list[Graph]:
    """Return the graphs of what is known of a worker; on a CPU that is its speed and the loss."""
    hottest = max((value for value in series.temperature_c if value is not None), default=0.0)
    graphs = [
        Graph(_("tok/s"), series.tokens_per_s, points, speed),
        Graph(_("GPU use"), series.load_percent, points, lambda value: f"{value:.0f} %", high=100.0),
        Graph(_("memory"), series.memory_bytes, points, size),
        Graph(
            _("temp"),
            series.temperature_c,
            points,
            lambda value: f"{value:.0f} °C",
            low=None,
            role="warn" if hottest >= HOT_C else "accent",
        ),
        Graph(_("power"), series.power_w, points, lambda value: f"{value:.0f} W"),
        Graph(_("loss"), series.loss, points, lambda value: f"{value:.3f}", low=None),
    ]
    return [graph for graph in graphs if graph.values]
