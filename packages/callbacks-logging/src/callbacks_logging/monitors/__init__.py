# SPDX-License-Identifier: MIT
"""What a training costs, in the logs."""

from .callback_timer import CallbackTimer
from .device_memory import DeviceMemoryMonitor
from .throughput import ThroughputMonitor

__all__ = ["CallbackTimer", "DeviceMemoryMonitor", "ThroughputMonitor"]
