"""`python -m pvesim`."""

from pvesim.cli import main

main()
