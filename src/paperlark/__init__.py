"""paperlark: the morning's papers, for each reader the ones they asked for.

The way of a paper, and the packages it passes:

    poll, parse ──▶ record ──▶ percolate ──▶ claim, seal ──▶ render, send
    sources         store      matching      store           channels

The map, from the bottom up; imports point down only (`tests/test_architecture.py` is the law):

`model`      the nouns, and what can go wrong: frozen values, standard library only
`matching`   text, queries, the index; which profiles a paper meets, and why
`ranking`    the order of papers: in a digest, in a search
`schedule`   slots of a reader's rhythm, next attempts, next polls
`health`     is it a quiet day, or is it broken? how a source is, by what its polls left behind
`http`       the one door out
`addresses`  which addresses it asks: those of the web, on the public internet
`manners`    what an answer's headers say of when to ask again
`codings`    an answer's body, unpacked and never too large
`links`      signed links and words: unsubscribe, preferences, confirm, bounces
`formats`    papers as other programs read them: feeds, references
`sources`    where papers come from: one file each, `base` is their port
`channels`   how readers are told: one file each, `base` is their port
`store`      the database: tables, papers, profiles, the outbox
`metrics`    what Prometheus is told
`pipeline`   the order of what happens: record, percolate, deliver, and the loops that do it
`readers`    what a reader can do, once, for every edge
`bots`       readers talking back, in a chat
`web`        API and pages
`testing`    the fakes, shipped for adapters' authors too
`sample`     a sample digest and sample profiles, for `paperlark demo`

`settings`   the only reader of the environment
`interpreter` how a process of ours sets Python up
`supervision` telling systemd that we are ready, and alive
`log`        logging, set up once, without secrets
`tracing`    spans, for OpenTelemetry
`reporting`  faults, for Sentry
`adapters`   a source or channel by its name
`app`        the composition root: it constructs things, with two more:
`from_settings` what the settings make possible
`saved_files` files to import, by their kinds
`cli`        the command line
"""

from importlib.metadata import version

__version__ = version("paperlark")
