"""Proof by destruction: processes are killed at every awkward point, and nothing may be lost. And by living through it:
months are replayed, and what was owed is what a preview says.

`kills`     the scenario, the child that is killed, and the verdict
`faults`    a service at work is struck, and what it told before and after; the verdict
`strikes`   what strikes it: a server that crashes, a full disk, a clock that is set, a line that is cut
`world`     what they strike, and `flow`, a steady flow of papers
`nameless`  the command line where our own name server answers
`soak`      everything at once for an hour: does anything grow?
`preview`   four months of papers replayed day by day, and the previews of the same archive
`__main__`  `make chaos ARGS=kills`: twenty kills for each label, on both databases, as a table; or `ARGS=preview`; or
            `ARGS=faults`
"""
