"""The examination of a node, step by step as every request goes: where it stops, why, and what to do next."""

from paddock.clusters.examination.examining import examine
from paddock.clusters.examination.looking import Patience, Subject
from paddock.clusters.examination.steps import Diagnosis, Key, Outcome, Step

__all__ = ["Diagnosis", "Key", "Outcome", "Patience", "Step", "Subject", "examine"]
