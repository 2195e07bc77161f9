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
`matches`    what matched: unread first of all, new since a mark, how many
`link`       one reader, several places: pairing codes
`session`    signed in without a platform: by a code, or as a new reader
`feeds`      feeds: make, list and revoke addresses; what is read there
`lists`      the papers of a list, one after the other: a search, a day, what is saved, what a profile met
`account`    everything that an account owns: export, delete
`tokens`     tokens for programs: make, list, revoke; a first one by a code or with a new account
`search`     the archive: search, one paper, a day's papers
`meaning`    the archive by meaning: what is about what was asked, in these words or in others
`similar`    papers like one
`warm`       what searches would wait for, read before anybody asks
`days`       a day's papers; a week or a month, and what was noticed most in it
`past`       one paper's past: who told of it and when, its votes over time
`narrowing`  what else a search asks for: organisation, author, category, source, days
`snippet`    the part of an abstract that shows why it was found
`names`      names in the archive that are like one that is given
`preview`    what a query would have sent: papers a day, examples, the noisiest term
`suggest`    what may be changed about a profile, why, and what that would bring
`proposals`  pure: the changes, by what its papers have in common
`rewritten`  pure: a profile's text, so changed
`compared`   what several queries would have brought, counted together
`why`        why a paper meets a query; what led to it, or to each paper of a delivery
`why_not`    what became of a paper: told, when and where, or why not
`way`        the rule behind that: a paper's way to a reader, and where it may end
`moments`    moments and lists as sentences say them
"""
