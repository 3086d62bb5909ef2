#!/usr/bin/env bash
# Cancel what runs and stop what start.sh started, by its pid files. --wipe also removes the state and the names in /etc/hosts.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/common.sh"
case ${1:-} in
  '' | --wipe) ;;
  *) say "seen: $1; allowed: --wipe"; exit 2 ;;
esac
export SLURM_CONF=$STATE/etc/slurm.conf

stop() { # NAME PIDFILE
  local pid
  if pid=$(living "$1" "$2"); then
    kill -TERM "$pid"
    for _ in $(seq 100); do
      living "$1" "$2" >/dev/null || break
      sleep 0.1
    done
    if living "$1" "$2" >/dev/null; then
      kill -KILL "$pid"
    fi
    say "$1 ($pid) stopped"
  fi
  rm -f "$2"
}

if living slurmctld "$STATE/run/slurmctld.pid" >/dev/null; then
  jobs=$(timeout 10 squeue -h -o %A 2>/dev/null | sort -u | xargs || true)
  if [ -n "$jobs" ]; then
    say "cancelling $jobs"
    # shellcheck disable=SC2086
    timeout 20 scancel $jobs || true
    for _ in $(seq 60); do
      [ -n "$(timeout 5 squeue -h 2>/dev/null || true)" ] || break
      sleep 0.5
    done
  fi
fi
for node in "${NODES[@]}"; do
  stop slurmd "$STATE/run/slurmd.$node.pid"
done
stop slurmctld "$STATE/run/slurmctld.pid"
stop munged "$STATE/run/munged.pid"

if [ "${1:-}" = --wipe ]; then
  if grep -q "$HOSTS_MARK\$" /etc/hosts; then
    # rewritten in place: in containers it is often a mount, which cannot be replaced
    kept=$(grep -v "$HOSTS_MARK\$" /etc/hosts || true)
    printf '%s\n' "$kept" >/etc/hosts
  fi
  rm -rf "$STATE"
  say "removed $STATE"
fi
