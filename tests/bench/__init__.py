"""Speed, measured beside something, never as a timed test.

`profiles`   1,000 (or any number of) seeded profiles drawn from real abstracts
`importing`  the whole way of a paper into SQLite, beside SQLite's own full text doing as much of it as it can
`percolate`  from a paper's text to the queries that it meets, beside others, at 1,000 to 1,000,000 profiles
`feeds`      from bytes to papers, each source kind beside the bare parser on the same bytes
`meaning`    how well a search by meaning finds, and papers like one, beside BM25 and TF-IDF
`reading`    previews and searches over 20,000 papers and more, on both databases
`watching`   what a scrape of the metrics costs with a million deliveries in the outbox
`sending`    deliveries a second without limits on both databases, beside the same client library in a bare loop
`storm`      ten thousand readers through a Bot API that keeps its limits, in real time (about six minutes)
`__main__`   `make bench ARGS="NAME --json"`
"""
