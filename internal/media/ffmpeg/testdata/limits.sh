#!/bin/sh
# Prints its limits once it has them, and where and as what it runs. $4 is not looked at: it is given a film's arguments.
while [ "$(ulimit -n)" -gt 64 ]; do :; done
echo "memory $(ulimit -v) cpu $(ulimit -t) files $(ulimit -n) core $(ulimit -c)" >&2
echo "env $(env | grep -v '^PWD=\|^_=\|^SHLVL=\|^OLDPWD=' | sort | tr '\n' ' ')" >&2
echo "group $(($(ps -o pgid= -p $$) - $$)) stdin $(wc -c) dir $PWD" >&2
exit 3
