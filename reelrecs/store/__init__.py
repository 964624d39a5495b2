"""Tables to CSR arrays in Arrow memory. Ids end here: above the store there are rows."""
