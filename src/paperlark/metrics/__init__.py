"""What Prometheus is told: numbers by kind, channel and result; no reader, address, chat or source's name is a label.

`names`     every metric that there is: its kind, its labels, and what it says
`families`  how everything stands in the store, as metrics; pure
`process`   what one process knows of itself: its answers, its loop, its memory, its connections
`scrape`    both together, as text; the store is asked every few seconds at most

Gauges and counts of deliveries and polls come from the store, because whoever is asked may be another process than the
one that polls and sends (`store.overview`, `store.tally`). The format is Prometheus's own, or OpenMetrics where that is
asked for (https://prometheus.io/docs/instrumenting/exposition_formats/).
"""
