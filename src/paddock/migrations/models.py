"""Imports every row, so that `Row.metadata` is whole."""

from paddock.access import model as access
from paddock.base import figures
from paddock.base.db import Row
from paddock.clusters import model as clusters
from paddock.containers import model as containers
from paddock.diagnosis import model as diagnosis
from paddock.jobs import model as jobs
from paddock.nodes import model as nodes
from paddock.sites import model as sites
from paddock.storages import model as storages

METADATA = Row.metadata

__all__ = [
    "METADATA",
    "access",
    "clusters",
    "containers",
    "diagnosis",
    "figures",
    "jobs",
    "nodes",
    "sites",
    "storages",
]
