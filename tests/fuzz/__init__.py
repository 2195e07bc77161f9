"""Every parser that takes bytes from outside, held to its word: it answers, or raises what it says that it raises."""
