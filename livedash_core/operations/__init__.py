"""What people ask and do, whatever they use: the command line and the pages call the same functions."""
