"""The Performance page's parts that draw nothing: its view, the data it reads and the sentences it writes."""
