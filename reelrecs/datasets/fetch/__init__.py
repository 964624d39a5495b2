"""Published data sets from their home: what there is, downloaded, verified, unpacked."""
