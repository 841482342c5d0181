"""Scrubbing: our canvases compared with Plotly's own updates of six panels, on the same page in the same run."""

from benchmarks.browser import READY, chromium, dashboard
from benchmarks.report import Line, percentile
from core.tasks import TASKS

SEEK = """async () => {
  await loptscope.ready;
  const times = [];
  for (let round = 0; round < 3; round++)
    for (let step = 0; step <= loptscope.steps; step++) {
      const start = performance.now();
      loptscope.seek(step);
      times.push(performance.now() - start);
    }
  return times;
}"""
FRAMES = """async () => {
  loptscope.seek(0);
  loptscope.play();
  const gaps = [];
  let last = null;
  await new Promise((resolve) => {
    const frame = (now) => {
      if (last !== null) gaps.push(now - last);
      last = now;
      loptscope.playing && gaps.length < 240 ? requestAnimationFrame(frame) : resolve();
    };
    requestAnimationFrame(frame);
  });
  loptscope.pause();
  return gaps;
}"""
RESTYLE = """async () => {
  const graphs = [...document.querySelectorAll(".js-plotly-plot")];
  const times = [];
  for (let step = 0; step < 30; step++) {
    const start = performance.now();
    await Promise.all(graphs.map((graph) => {
      const last = graph.data.length - 1;
      const n = graph.data[last].x.length;
      const x = Array.from(graph.data[last].x).slice(0, Math.max(1, n - step));
      return Plotly.restyle(graph, { x: [x] }, [last]);
    }));
    times.push(performance.now() - start);
  }
  return times;
}"""


def run() -> list[Line]:
    """Seek and play on every task; the peer is Plotly.restyle of one trace in each panel."""
    lines = []
    with dashboard() as (address, _), chromium() as browser:
        for task in TASKS:
            page = browser.new_page(viewport={"width": 1440, "height": 860}, bypass_csp=True)
            page.goto(f"{address}/?task={task}&speed=60")
            page.wait_for_function(READY)
            page.evaluate("loptscope.ready.then(() => 1)")
            page.wait_for_timeout(500)
            seeks = page.evaluate(SEEK)
            gaps = page.evaluate(FRAMES)
            restyles = page.evaluate(RESTYLE)
            page.close()
            ours, peer = percentile(seeks, 0.5), percentile(restyles, 0.5)
            lines += [
                Line(
                    f"{task}: seek, median",
                    f"{ours:.2f} ms",
                    f"Plotly.restyle {peer:.1f} ms",
                    f"{ours / peer:.4f}",
                    "8 ms",
                ),
                Line(f"{task}: seek, 95th percentile", f"{percentile(seeks, 0.95):.2f} ms", bar="16.7 ms"),
                Line(f"{task}: frame while playing, median", f"{percentile(gaps, 0.5):.1f} ms", bar="16.7 ms"),
                Line(f"{task}: frame while playing, 95th", f"{percentile(gaps, 0.95):.1f} ms", bar="34 ms"),
            ]
    return lines
