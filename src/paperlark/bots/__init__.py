"""Readers talking back, in a chat: the verbs of `readers`, in the words of a platform."""
