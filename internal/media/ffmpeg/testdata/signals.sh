#!/bin/sh
# Gets what a service manager sends to all processes of a service, and goes on with its work.
for signal in TERM INT HUP QUIT; do kill -$signal $$; done
echo '{"format": {"format_name": "unmoved"}}'
