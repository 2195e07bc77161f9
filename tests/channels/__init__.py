"""Channels: what they render, and how they meet their platforms."""
