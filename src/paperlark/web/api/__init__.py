"""The API: what programs may ask, under `/api/v1`.

The frame:

`operations`    what each operation takes and gives, said once beside its code
`parameters`    what parameters and bodies are made of
`limits`        how often each token may ask
`cors`          which pages of other origins may read the API
`idempotency`   a POST that is sent twice is done once
`spliced`       papers as JSON, put together from rows that hold JSON text
`openapi`       pure: the API's document, made of its operations
`document`      /api/v1/openapi.json, and /api to read

What may be asked:

`papers`        /papers
`days`          /days
`trending`      /trending
`profiles`      /profiles
`previews`      /preview: queries tried out, and papers held against profiles
`suggestions`   /suggestions: what may be changed about a profile
`matches`       /matches
`stream`        /matches/stream: new matches as they come
`marks`         /papers/ID/marks, /saved, /mutes
`account`       /account, /accounts, /pairing
`subscriptions` /subscriptions
`deliveries`    /deliveries
`feeds`         /feeds: addresses of feeds
"""

from paperlark.web.api import (
    account,
    days,
    deliveries,
    document,
    feeds,
    limits,
    marks,
    matches,
    openapi,
    papers,
    previews,
    profiles,
    stream,
    subscriptions,
    suggestions,
    trending,
)

__all__ = ["OPERATIONS", "document", "limits", "matches", "openapi", "stream"]

OPERATIONS = (
    papers.operations,
    days.operations,
    trending.operations,
    profiles.operations,
    previews.operations,
    suggestions.operations,
    matches.operations,
    stream.operations,
    marks.operations,
    account.operations,
    subscriptions.operations,
    deliveries.operations,
    feeds.operations,
    document.operations,
)
"""Every operation that stands here, by its parts."""
