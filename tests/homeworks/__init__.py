"""Known-wrong and differently written right solutions, one table for each homework."""
