#!/bin/sh
# Starts a child that would live on, says so in the file named by its last argument, and waits.
for out; do :; done
sleep 1000 &
echo $! > "${out#file:}"
wait
