"""The order of papers. Pure.

`trending`   what is trending: a score from signals over time, comparable between days and sources, and its reason
`acronyms`   short forms and what they stand for, learned from text
`cooccurring` what goes with a set of papers: what stands in them more often than chance would have it
`feedback`   what a reader saved and dismissed: similar papers come first, or last
"""
