"""The order of papers, and what they have in common. Pure.

`trending`     what is trending: a score from signals over time, comparable between days and sources, and its reason
`order`        the order inside a digest: the reader's marks, the trend, relevance
`learned`      what a reader's marks teach: a small linear model of papers' words, authors and profiles
`feedback`     the same while there are few marks: what is by the same author, or of the same profile
`cooccurring`  what goes with a set of papers: what stands in them more often than chance would have it
`spelling`     a word that is hardly known, one edit away from one that is common
"""
