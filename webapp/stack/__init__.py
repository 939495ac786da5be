"""Running the whole site on one machine: broker, web server and worker under one command."""
