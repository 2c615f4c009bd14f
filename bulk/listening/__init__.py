"""Receives webhooks of vendors and appends who unsubscribed to a file that a job can read at any time.

file          the file: whole lines, on disk before anybody is told so, each person once
committer     what arrives together is written together
server        all of it on the wire, within bounds
serve         until told to stop
"""
