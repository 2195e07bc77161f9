"""What a reader can do, once, for the command line, bots, and web. Takes the account, checks that what is touched is
that account's, and returns plain values that know no platform.

`follow`     profiles: follow, edit, unfollow, list
`trending`   what is trending now, and why
`subscribe`  where and when: subscribe, unsubscribe, destinations, pause, resume
`place`      one place where a reader is told: how, what waits for it, how its deliveries stand
`mailbox`    by mail: sign up, confirm, unsubscribe, preferences, what comes back
`webhook`    the secrets of webhooks
`deliveries` the outbox: list, show, retry, drop
`mute`       what a reader does not want to hear of: words, authors, sources
`choices`    what of a paper may be muted
`mark`       what a reader did with a paper: read, saved, dismissed
`link`       one reader, several places: pairing codes
`account`    everything that an account owns: export, delete
`search`     the archive: search, one paper, a day's papers
`narrowing`  what else a search asks for: organisation, author, category, source, days
`snippet`    the part of an abstract that shows why it was found
`names`      names in the archive that are like one that is given
`preview`    what a query would have sent: papers a day, examples, the noisiest term
`why`        why a paper meets a query; what led to it, or to each paper of a delivery
`why_not`    what became of a paper: told, when and where, or why not
`way`        the rule behind that: a paper's way to a reader, and where it may end
`moments`    moments and lists as sentences say them
"""
