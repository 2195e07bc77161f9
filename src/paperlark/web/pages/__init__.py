"""The pages: made whole on this side, so that they want no script.

For everybody:

`days`          /, /week/{name}, /month/{name}, /trending
`search`        /?q=…
`paper`         /papers/{id}
`preferences`   /u/TOKEN, /m/TOKEN: unsubscribed, changed
`links`         what the pages behind signed links share
`sign_in`       /sign-in, /sign-out

For who is signed in:

`for_you`       /for-you: what met my profiles
`profiles`      /profiles: mine, tried while they are written
`subscriptions` /subscriptions, /deliveries: where and when I am told, and what was sent
`saved`         /saved, /mutes, /marks
`account`       /account: other places, tokens, feeds, everything as a file, the end

What they are made of:

`shown`         pure: a paper in the words of a list
`sheet`         pure: all that is known of one paper, in words
`tex`           pure: formulas as MathML
`calendar`      pure: weeks and months, named and drawn
`drawn`         pure: papers a day, as a plot
`wishes`        pure: the form of a subscription, read and filled
`still`         304 for what nothing has changed since, without making it again
"""
