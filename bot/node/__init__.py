"""The Lightning node. It alone knows gRPC."""

import os

# gRPC reads this as it is imported. By itself it asks name servers only, and does not know what the
# system knows from elsewhere, such as the .local names of mDNS.
os.environ.setdefault("GRPC_DNS_RESOLVER", "native")
