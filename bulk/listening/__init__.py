"""Receives webhooks of vendors and appends who unsubscribed to a file that a job can read at any time.

people        whom a vendor names: the columns of the file, and the key that tells one from another
reading       single values out of a body that anybody could have written
customerly    Customerly: what lets it in, and what its webhooks say
customerio    the same of Customer.io's reporting webhooks
webhook       one delivery judged: the status to answer, who is to be recorded, what is to be counted
file          the file: whole lines, on disk before anybody is told so, each person once
committer     what arrives together is written together
server        all of it on the wire, within bounds
serve         until told to stop
"""
