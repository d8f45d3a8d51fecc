"""Programs that run beside this one, and end with it; the ports that they listen on."""
