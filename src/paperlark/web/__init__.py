"""The web: an API for programs, and pages that people read without JavaScript.

In the order of the story:

`application`   puts it together: routes, templates, what goes around every answer
`keys`          what the application carries along for its parts
`edge`          around every answer: a request id, a time-out, security headers, and the one place that tells faults
`problems`      what went wrong, as RFC 9457 (problem+json) says it
`answers`       JSON and pages with an ETag, so that nothing unchanged is sent twice
`access`        whose bearer token is this, and may it do that?
`cursors`       pure: where a reader of a list stands, as opaque text that is checked when it comes back
`health`        /healthz, /readyz
`api_papers`    /api/v1/papers
`api_profiles`  /api/v1/profiles
`api_subscriptions`  /api/v1/subscriptions
`clients`       who asks, as far as the network can tell, and how often they may
`links`         what the pages behind signed links share
`mail`          /mail, /c/TOKEN: papers by mail, asked for and confirmed
`preferences`   /u/TOKEN, /m/TOKEN: unsubscribed, changed
`shown`         pure: a paper in the words of the page
`pages`         /, /papers/{id}
"""

from paperlark.web.application import make_web

__all__ = ["make_web"]
