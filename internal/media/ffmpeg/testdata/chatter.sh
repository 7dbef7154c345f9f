#!/bin/sh
# Prints without end, and complains before.
printf 'first\nsecond \033[31mline\r\n\n' >&2
exec yes
