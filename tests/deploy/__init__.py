"""What operators follow is what is tested: the Procfile, the files of `deploy/`, and the words of its README.

`test_procfile` the Procfile's commands
`test_guide`    the guide for operators; its words for Debian are run
`test_files`    the files that hosts are given
`two_hosts`     what is asked of two of them on one PostgreSQL (`make chaos ARGS=hosts`)
`hosts`         hosts that start what the Procfile says (honcho)
`debian`        a Debian to throw away
`walked`        the guide's commands, as an operator types them
`systemd`       what systemd does with our unit, as far as it can be played
`image`         a Dockerfile's steps, carried out without a container engine
`__main__`      `make deploy`: guide and Dockerfile on a clean Debian
"""
