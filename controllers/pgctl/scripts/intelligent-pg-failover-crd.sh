#!/bin/sh
# Moves a Protection Group to another site through a Failover object:
# ./intelligent-pg-failover-crd.sh <group> --to-<site> [--force] [--namespace NS]
# A thin cover over `pgctl failover`, which creates the Failover and follows it to its end.
exec "${PGCTL:-pgctl}" failover "$@"
