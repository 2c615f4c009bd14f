"""What vendors' webhooks say: who unsubscribed, and whether it is the vendor who says so.

Nothing here touches the world; ``bulk.listening`` receives the webhooks and writes people down.

people        whom a vendor names: the columns of the file, and the key that tells one from another
reading       single values out of a body that anybody could have written
customerly    Customerly: what lets it in, and what its webhooks say
customerio    the same of Customer.io's reporting webhooks
judging       one delivery judged: the status to answer, who is to be recorded, what is to be counted
"""
