"""The ADB protocol as a device speaks it, on a real socket: what the adb server of any release connects to."""
