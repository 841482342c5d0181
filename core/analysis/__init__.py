"""Instruments: what an optimizer does, measured on any optimizer behind the one abstraction, in float64."""
