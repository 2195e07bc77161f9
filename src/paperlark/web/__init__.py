"""The web: an API for programs, and pages that people read without JavaScript.

`application`   puts it together: routes, templates, what goes around every answer
`api`           what programs may ask, under /api/v1
`pages`         what people look at

What both are made of:

`keys`          what the application carries along for its parts
`edge`          around every answer: a request id, a time-out, security headers, and the one place that tells faults
`problems`      what went wrong, as RFC 9457 (problem+json) says it
`answers`       JSON and pages with an ETag, so that nothing unchanged is sent twice
`access`        whose bearer token is this, and may it do that?
`session`       who is signed in on a page, and whether a form comes from one of ours
`clients`       who asks, as far as the network can tell, and how often they may
`cursors`       pure: where a reader of a list stands, as opaque text that is checked when it comes back

What is for programs and people alike:

`sources`       /api/v1/sources, /status
`mail`          /mail, /c/TOKEN: papers by mail, asked for and confirmed
`feeds`         /feeds/TOKEN.atom, .rss, .json, .opml: what a profile met, for programs that follow feeds
`exports`       /export/…, /api/v1/saved.bib: references of any list
`health`        /healthz, /readyz
`metrics`       /metrics, for Prometheus; `watching` counts and traces every answer
"""

from paperlark.web.application import make_web

__all__ = ["make_web"]
