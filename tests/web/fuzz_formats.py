"""What schemathesis is told of the formats of the API: loaded by it, see `fuzz`."""

import schemathesis
from hypothesis import strategies as st

WORDS = st.sampled_from(["larks", "wren*", '"test time"', "title:larks", "-owls larks", "cat:cs.CL", "upvotes:>=3"])

schemathesis.openapi.format("profile-query", st.lists(WORDS, min_size=1, max_size=3).map(" ".join))
