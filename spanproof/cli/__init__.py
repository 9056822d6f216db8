"""The command line: one module a command, loaded when it is asked for.

`app` holds the table of commands, `options` what several share, `failure` the ways to end. A command module has one function with
the command's name; it gathers options, calls a room, and draws. Nothing that takes long to import stands at the top of one.
"""
