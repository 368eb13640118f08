"""Watch: one consistent reading of a cluster, recorded; polling; import."""
