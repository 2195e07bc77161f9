"""The contents list of sources: short name -> module. A third party's needs no line here: `their_pkg.mod:Class`."""

CONTENTS = {
    "arxiv": "paperlark.sources.arxiv:Arxiv",
    "biorxiv": "paperlark.sources.biorxiv:Biorxiv",
    "medrxiv": "paperlark.sources.medrxiv:Medrxiv",
    "capture": "paperlark.sources.capture:Capture",
    "hf_daily": "paperlark.sources.hf_daily:HfDaily",
    "jsonl": "paperlark.sources.jsonl:JsonLines",
    "rss": "paperlark.sources.rss:Rss",
}
