"""What is wrong with a node: the newest diagnosis of each is kept, and one is made by itself when a node fails.

The examination itself is in `clusters.examination`, where whatever stands above clusters can use it.
"""
