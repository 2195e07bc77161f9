"""The order of papers. Pure.

`trending`   what is trending: a score from signals over time, comparable between days and sources, and its reason
`feedback`   what a reader saved and dismissed: similar papers come first, or last
"""
