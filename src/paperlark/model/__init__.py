"""The nouns, and what can go wrong. Frozen values; imports the standard library only.

`papers`     a paper, what names it, what a source told of it, and a page of that
`readers`    accounts, profiles, destinations, subscriptions, and how each reader wants to be told
`signals`    what was counted about a paper over time
`messages`   a digest and the reasons in it, the payloads it becomes, limits, pace, receipts
`problems`   the errors that have names
`ids`        time-ordered ids, made by the application
"""
