"""How long jobs take: measurements, ranges, forecasts, and jobs that run late."""
