"""Readers talking back, in a chat: the verbs of `readers`, in the words of a platform.

`commands`   the table of commands, and how they and pressed buttons are answered; knows no platform
`asker`      who asks, and where
`asked`      one question, with all that an answer needs
`reply`      what a bot answers: words with a style, papers, buttons, a file
`following`  follow, list, edit, unfollow
`telling`    digest, when, pause, resume, status; `rhythm` reads what `/when` says
`suggesting` suggest
`answering`  preview, why, search, trending
`keeping`    save, not relevant, mute: as commands and as buttons
`account`    start, link, export, delete
`words`      sentences, and this platform's names of commands in them
`papers`     papers as a digest, so that an answer looks like an alert

The front ends are `telegram…` and `discord…`: they hear, ask `commands`, and say.
"""
