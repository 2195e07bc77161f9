"""The migrations, in order; each file is one version."""
