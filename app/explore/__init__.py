"""The Explore page's view, drawn: figures and what moves over them."""
