"""What operators follow is what is tested: the Procfile, the files of `deploy/`, and the words of its README."""
