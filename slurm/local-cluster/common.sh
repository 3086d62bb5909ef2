# Sourced by start.sh and stop.sh: where the state lies, and which daemons live.
STATE=${UNROLL_SLURM_DIR:-${TMPDIR:-/tmp}/unroll-slurm}
NODES=(node1 node2)
HOSTS_MARK='# unroll local cluster'
export PATH=/usr/sbin:/sbin:/usr/bin:/bin:$PATH

say() { echo "local-cluster: $*" >&2; }

# Print the process id in a pid file if that process lives and bears the name; a zombie does not live.
living() { # NAME PIDFILE
  local pid
  pid=$(cat "$2" 2>/dev/null) || return 1
  [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] || return 1
  ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null || return 1
  echo "$pid"
}
