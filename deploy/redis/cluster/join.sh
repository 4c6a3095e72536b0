#!/bin/sh
# Joins nine members into a cluster: redis-<n><zone> is a copy of primary n. The primary of 1 is in zone a, of 2 in b, of 3
# in c, and its two replicas are in the other zones. REDISCLI_AUTH is the operator's password. All members have the same
# PORT; with other names than these, let the resolver know these as well. Run it again after a run that was interrupted.
set -eu
PORT="${PORT:-6379}"
address() { getent hosts "$1" | awk '{ print $1; exit } END { exit NR == 0 }'; }
cli() {
  host="$(address "$1")"
  shift
  redis-cli --user operator --no-auth-warning -h "$host" -p "$PORT" "$@"
}
# The state of the first member alone is ok as soon as it has its slots: replicas are the last step.
is_joined() {
  cli redis-1a CLUSTER INFO | grep -q '^cluster_state:ok' &&
    [ "$(cli redis-1a CLUSTER NODES | grep -c '[ ,]slave[ ,]')" = 6 ]
}

if is_joined; then
  echo "they are joined"
  exit 0
fi
cli redis-1a CLUSTER ADDSLOTSRANGE 0 5460
cli redis-2b CLUSTER ADDSLOTSRANGE 5461 10922
cli redis-3c CLUSTER ADDSLOTSRANGE 10923 16383
epoch=1
for member in redis-1a redis-2b redis-3c redis-1b redis-1c redis-2a redis-2c redis-3a redis-3b; do
  cli "$member" CLUSTER SET-CONFIG-EPOCH "$epoch"
  epoch=$((epoch + 1))
  [ "$member" = redis-1a ] || cli redis-1a CLUSTER MEET "$(address "$member")" "$PORT"
done
for member in redis-1b redis-1c redis-2a redis-2c redis-3a redis-3b; do
  case "$member" in
    redis-1*) primary=redis-1a ;;
    redis-2*) primary=redis-2b ;;
    *) primary=redis-3c ;;
  esac
  # One that follows a primary, or has taken over its slots, stays as it is.
  cli "$member" CLUSTER NODES | grep -q 'myself,master .* connected$' || continue
  id="$(cli "$primary" CLUSTER MYID)"
  # The member must have heard of its primary before.
  until cli "$member" CLUSTER NODES | grep -q "^$id .* connected"; do sleep 0.2; done
  cli "$member" CLUSTER REPLICATE "$id"
done
until is_joined; do sleep 0.2; done
echo "joined"
