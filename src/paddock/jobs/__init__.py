"""Jobs: durable work with steps and a log, seen by people."""
