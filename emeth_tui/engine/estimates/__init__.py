"""How long jobs take: measurements, ranges, forecasts, and jobs that run late.

Workers report how many tokens they trained and validated and how many seconds of work that took, pauses
excluded. `meters` turns this and the engine's transfers into measurements: so much per unit, on a device,
for a model and a language. The store keeps the newest 32 of each. A range (`ranges`) is their median, with
more weight on the newest, from the 10th to the 90th percentile, and wider while there are few. A device is
identified by its name (a CPU also by its number of threads), so a second GPU of the same kind needs no
measurements of its own.

`durations` adds up download, tokenising, start, epochs, validation, checkpoints, result and upload as if
their worst cases coincided. A claim is judged by the long end of that, on the fastest free device,
which is then reserved for the job (`leases`). Until anything is measured, the long end is the reference
client's formula; a device that has never trained is taken to be as slow as the slower of the formula and the
slowest device that has. A running job is forecast from its progress and recent speed; once it is expected to
end within the safety margin, `lateness` warns, once.
"""
