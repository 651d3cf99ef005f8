"""The demo: real purchases of a gift shop, the app's behaviour around them simulated, loaded into a database, and broken on purpose.
Nothing here runs on a database that was named for real work: the command line gives it the embedded server only."""
