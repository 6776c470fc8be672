#!/bin/sh
# Moves a Protection Group to another site: ./intelligent-pg-failover.sh <group> --to-<site> [--force] [--namespace NS]
# A thin cover over `pgctl failover`: the checks, the Failover object and the output are pgctl's.
exec "${PGCTL:-pgctl}" failover "$@"
