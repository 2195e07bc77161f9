"""What a reader can do, once, for the command line, bots, and web. Takes the account, checks that what is touched is
that account's, and returns plain values that know no platform.

`follow`     profiles: follow, edit, unfollow, list
`subscribe`  where and when: subscribe, unsubscribe, destinations
`search`     the archive: search, one paper, a day's papers
`preview`    what a query would have sent: papers a day, examples, the noisiest term
`why`        why a paper meets a query, or why not
"""
