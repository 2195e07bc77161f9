"""The fakes, shipped: for our tests, and for those of adapters that live elsewhere.

`sources`    a source that does what it is told
`channels`   a channel that remembers what it was given
`clock`      a clock that moves when it is told to
`sites`      servers that play Hugging Face and a feed's host
`names`      a resolver that knows the names it was told
`biorxiv_site`   a server that plays bioRxiv's API, with its traps
`bot_api`    a server that plays Telegram's Bot API: what a reader of each chat would have seen, and says
`bot_answers`, `bot_markup`, `bot_updates`   its limits and errors; what it makes of HTML; what people do, as updates
`discord_site`   a server that plays Discord's API: what a reader of each channel would have seen
`mail`       an SMTP server that refuses as scripted
`kills`      the points where a crash would be most awkward, and how to make one there
"""
