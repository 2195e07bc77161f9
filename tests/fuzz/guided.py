"""One parser under atheris, which looks at which lines each input reaches: started by `tests.fuzz`."""

import sys

import atheris

with atheris.instrument_imports(include=["paperlark", "feedparser", "lark"]):
    from tests.fuzz.parsers import PARSERS

atheris.Setup([sys.argv[0], *sys.argv[2:]], PARSERS[sys.argv[1]].keeps_its_word)
atheris.Fuzz()
