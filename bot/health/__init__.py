"""How this process is, for whoever asks by HTTP. The only room that knows Prometheus.

Imported only where `[health] listen` is set.
"""

from bot.health.readings import Readings
from bot.health.server import Health

__all__ = ["Health", "Readings"]
