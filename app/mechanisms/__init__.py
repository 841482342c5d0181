"""The Mechanisms page: its view as a table, its data, its figures with their sentences."""
