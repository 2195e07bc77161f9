"""Which papers meet which profiles, and why. Pure and synchronous: values in, values out.

In the order of the story:

`text`        a stored string becomes tokens: folded word, stem, exact form, offsets; titles' keys; TeX made readable
`tex`         how TeX mark-up inside titles and abstracts is read, and how it is shown where there is no math
`names`       when two spellings of a person's name are one
`document`    a paper as queries see it, analysed once for all readers; the words that a database stores of it
`query`       the profile language: a profile's text understood, or an error that points and suggests
`reading`     how: `grammar.lark`, from its tokens to the tree, and what is said where that fails
`tree`        what the tree is made of; its canonical text
`candidates`  what a paper must hold to meet a query: for FTS5 and for tsquery
`reference`   does this paper meet this query? Plain, slow, obviously right: all others are held to it
`checks`      the same answer, made ready once per query and fast
`index`       the percolator: which of the stored queries does this paper meet?
`standing`    below it: each distinct query once, by its number
`register`    the same for the profiles of a whole paperlark: kept in a folder, and read again
`holders`     below it: who holds each query
`clauses`     a query's tree as alternatives of what a paper must have and must not have
`symbols`     a term as rows of symbols, a paper as texts that say symbols: what the cores compare
`outside`     the checks that no row of symbols can say: authors by name, counts, days
`people`      below it: the names that authors are asked for by
`core`        the table of compiled queries, and what holds papers against it: in C, and in numpy
`rank`        how well a paper answers a query (BM25)
`meaning`     what a text is about: a direction, and how close two are
`near`        does a paper read like a sentence, or like another?
`fused`       a search by meaning: any of the words, and closeness, as one score
`acronyms`    short forms and what they stand for, learned from text
`explained`   the same of many abstracts: which other names some words have
`lean`        a paper in a few short strings, for whoever keeps thousands of them
`terms`       what a paper may be about: its words and pairs of words; and what is usual
`judge`       a query held against those: does each meet it, and how well?
`mutes`       is this paper one that its reader does not want to hear of?
`explain`     why it matched, in words as written
`nearest`     why it did not: the alternative that came nearest, and what it lacked

The same tokens serve the percolator, the archive's search and the highlighter.
"""
