"""Rules by which devices rest, such as `temperature above 83 until 75`: pure calculation."""
