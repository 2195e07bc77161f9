"""The store: what is kept, on SQLite for one and on PostgreSQL for many, by the same code.

`database`     opening a store, transactions, the database's own time, its version
`steady`       the time of day where the database has none: it never goes back
`glance`       one statement that only reads, at the driver's price; has anything been written?
`glance_postgres` the same on PostgreSQL
`columns`      moments and JSON that mean the same on both databases
`sealed`       values that whoever has the database alone cannot use
`resealing`    those brought under another key
`tables`       every table, in three families: of papers, of readers, of work
`identity`     pure: which paper is this? which source's word counts?
`papers`       papers as the archive holds them: loaded, worked out again from what their sources say
`printed`      papers as rows whose JSON is text already, for lists that are asked for all the time
`prints`       such rows, and those at hand
`lately`       what was asked for lately, so many at most
`recording`    a page of announcements: which papers they are of, and what is kept
`archive`      where papers stand: the newest, those of a day, those of a name; who stands on them
`days`         a day's papers in their order, and stretches of days, in statements for `glance`
`merges`       two papers that turn out to be one, and how they are parted again
`search`       the archive's full text: candidates by the database, in our own words
`analysed`     papers as queries see them, their words at hand
`shelf`        the newest of those, kept in memory
`usual`        what is usual among the newest papers: words, pairs of words, names
`directions`   what papers are about: found, kept, and brought up to date in memory
`compass`      those that a process holds: which papers are close to a direction?
`sources`      the configured sources: cursor, lease, health
`signals`      what was counted over time, for what is trending
`profiles`     profiles with their versions and change log; destinations and subscriptions
`accounts`     accounts, linked identities, tokens
`belongings`   all that an account owns: exported, and forgotten
`backup`       the whole store as one file, and back
`carried`      what that file is, from either database and for either
`pairing`      short codes that make two places one account
`mutes`        what accounts have muted
`marks`        what readers did with papers
`matches`      what matched, as its reader reads it, and up to when that is surely complete
`percolation`  batches of announcements taken by lease; matches and owed rows
`outbox`       deliveries: planned, claimed, sent, postponed
`sealing`      what deliveries owe: sealed into them, closed with them, or left to the next digest
`recipients`   where many deliveries go, how it went there last, and what their readers want
`moving`       an address gets a new name, or becomes another one of the same account
`mailboxes`    addresses whose owners are asked first, and what comes back from them
`keys`         secrets that are made here, once
`inbound`      what platforms told us: kept before it is acknowledged, answered once
`idempotency`  what was answered to requests that bear a name of their own
`retention`    what is forgotten, and when

Functions take a `Transaction` that the pipeline opened: what belongs together commits together.
"""
