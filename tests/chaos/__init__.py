"""Proof by destruction: processes are killed at every awkward point, and nothing may be lost.

`kills`     the scenario, the child that is killed, and the verdict
`__main__`  `make chaos ARGS=kills`: twenty kills for each label, on both databases, as a table
"""
