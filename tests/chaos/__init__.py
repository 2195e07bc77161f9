"""Proof by destruction: processes are killed at every awkward point, and nothing may be lost. And by living through it:
months are replayed, and what was owed is what a preview says.

`kills`     the scenario, the child that is killed, and the verdict
`preview`   four months of papers replayed day by day, and the previews of the same archive
`__main__`  `make chaos ARGS=kills`: twenty kills for each label, on both databases, as a table; or `ARGS=preview`
"""
