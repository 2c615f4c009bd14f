"""What `bulk` does, for the command line and for Python programs alike.

loading     job files
planning    what every step of a job would send; previewing shows its first requests
contacts    lists the contacts that a job finds its people among
assembly    puts the parts of a run together
approving   who approves what can never be undone
progress    how far a run is
notifying   what a job's webhook is told of a run; untold finds what it was not told yet, webhook posts it
running     previews and runs inside a program; apart is what that takes
outcomes    what a ledger holds, as frames

``import bulk`` offers of it what programs use; nothing is imported before it is used.
"""
