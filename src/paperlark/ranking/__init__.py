"""The order of papers: what is trending, what is similar, what comes first in a digest."""
