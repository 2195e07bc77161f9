"""The order of papers. Pure.

`trending`   what is trending: a score from signals over time, comparable between days and sources, and its reason
`acronyms`   short forms and what they stand for, learned from text
`feedback`   what a reader saved and dismissed: similar papers come first, or last
"""
