"""The web: an API for programs, and pages that people read without JavaScript.

In the order of the story:

`application`   puts it together: routes, templates, what goes around every answer
`keys`          what the application carries along for its parts
`edge`          around every answer: a request id, a time-out, security headers, and the one place that tells faults
`problems`      what went wrong, as RFC 9457 (problem+json) says it
`answers`       JSON and pages with an ETag, so that nothing unchanged is sent twice
`spliced`      papers as JSON, put together from rows that hold JSON text
`access`        whose bearer token is this, and may it do that?
`operations`    the API's operations: what each takes and gives, said once beside its code
`parameters`    what parameters and bodies are made of
`cursors`       pure: where a reader of a list stands, as opaque text that is checked when it comes back
`limits`        how often each token may ask
`cors`          which pages of other origins may read the API
`idempotency`   a POST that is sent twice is done once
`openapi`       pure: the API's document, made of its operations
`api_page`      /api/v1/openapi.json, and /api to read
`health`        /healthz, /readyz
`api_papers`    /api/v1/papers, /api/v1/days
`api_trending`  /api/v1/trending
`api_profiles`  /api/v1/profiles
`api_previews`  /api/v1/preview: queries tried out, and papers held against profiles
`api_subscriptions`  /api/v1/subscriptions
`api_matches`  /api/v1/matches
`stream`       /api/v1/matches/stream: new matches as they come
`api_marks`    /api/v1/papers/ID/marks, /saved, /mutes
`api_account`  /api/v1/account, /accounts, /pairing
`api_deliveries`  /api/v1/deliveries
`sources`       /api/v1/sources, /status
`clients`       who asks, as far as the network can tell, and how often they may
`links`         what the pages behind signed links share
`mail`          /mail, /c/TOKEN: papers by mail, asked for and confirmed
`feeds`         /feeds/TOKEN.atom, .rss, .json, .opml: what a profile met, for programs that follow feeds
`api_feeds`     /api/v1/feeds: addresses of feeds
`exports`       /export/…, /api/v1/saved.bib: references of any list
`preferences`   /u/TOKEN, /m/TOKEN: unsubscribed, changed
`session`       who is signed in on a page, and whether a form comes from one of ours
`sign_in`       /sign-in, /sign-out
`reader_pages`  /for-you: what met my profiles
`profile_pages`  /profiles: mine, tried while they are written
`drawn`         pure: papers a day, as a plot
`subscription_pages`  /subscriptions, /deliveries: where and when I am told, and what was sent
`wishes`        pure: the form of a subscription, read and filled
`saved_pages`   /saved, /mutes, /marks
`account_pages`  /account: other places, tokens, feeds, everything as a file, the end
`shown`         pure: a paper in the words of the page
`tex`           pure: formulas as MathML
`sheet`         pure: all that is known of one paper, in words
`calendar`      pure: weeks and months, named and drawn
`still`         304 for what nothing has changed since, without making it again
`pages`         /, /week/{name}, /month/{name}, /trending
`search_page`   /?q=…
`paper_page`    /papers/{id}
"""

from paperlark.web.application import make_web

__all__ = ["make_web"]
