"""Tables to CSR arrays in mapped Arrow memory. Ids end here: above the store there are rows."""
