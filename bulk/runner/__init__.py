"""Connects the stages with bounded queues; starts, drains, stops."""
