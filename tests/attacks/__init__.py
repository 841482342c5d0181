"""Attacks on the dashboard: what one visitor, a foreign page, a damaged file or a killed process must not bring about."""
