"""Pure functions from arrays to Plotly figures. What moves while scrubbing is drawn over them by the browser."""
