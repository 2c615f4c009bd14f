"""Local servers that behave as the three systems do, for trying, demonstrating and testing.

exchange      what is asked and answered, the interface of a system
customerly*   Customerly: its API, its contacts, which records it accepts, its open questions
customerio*   Customer.io: Track and App API over one workspace that shows writes late
kustomer*     Kustomer: customers, bulk jobs, merges, custom objects, a budget shared with others
http*         takes any request and keeps it
window        the strict rate limit
faults        what goes wrong, the same for the same seed
traffic       what arrived: limit, faults, counters, log
server        all of it on the wire, and the control addresses
serve         until told to stop; ``python -m bulk.sandbox`` is this
launcher      as a process of its own, for as long as somebody needs it
"""

from bulk.sandbox.customerio_behaviour import CustomerioBehaviour
from bulk.sandbox.customerly import SANDBOX_TOKEN
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.http_behaviour import HttpBehaviour
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour
from bulk.sandbox.launcher import running_sandbox
from bulk.sandbox.options import DEMONSTRATION, SandboxOptions

__all__ = [
    "DEMONSTRATION",
    "SANDBOX_TOKEN",
    "CustomerioBehaviour",
    "CustomerlyBehaviour",
    "HttpBehaviour",
    "KustomerBehaviour",
    "SandboxOptions",
    "running_sandbox",
]
