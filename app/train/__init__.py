"""The Train page: its settings and their words, its links, its figures."""
