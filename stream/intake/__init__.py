"""The one way in for conversions: check -> protect -> seen before? -> spool -> Kafka topic `conversions`.

The events API, the WeCom callback, the webhooks and the import all hand their events to an `Intake`.
"""

from stream.intake.intake import Intake
from stream.intake.outcome import Outcome

__all__ = ["Intake", "Outcome"]
