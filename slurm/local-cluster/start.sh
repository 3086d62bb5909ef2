#!/usr/bin/env bash
# Start a real Slurm on this machine: a controller and two nodes. Does nothing where it runs already.
#   UNROLL_SLURM_DIR   its state                       ($TMPDIR/unroll-slurm)
#   UNROLL_SLURM_CPUS  CPUs that each node declares    (2; may be more than there are)
#   UNROLL_SLURM_PORT  the controller's port; the nodes take the next two (16817)
# Ends with one line on stdout: what to source to use it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/common.sh"
cpus=${UNROLL_SLURM_CPUS:-2}
port=${UNROLL_SLURM_PORT:-16817}
host=$(hostname -s)
conf=$STATE/etc/slurm.conf
socket=$STATE/run/munge.socket

fail() {
  say "FAILED: $*"
  for log in "$STATE"/log/*.log; do
    if [ -s "$log" ]; then
      say "the end of $log:"
      tail -n 12 "$log" >&2
    fi
  done
  exit 1
}

# Daemons must not inherit the lock, hence 9>&- wherever one starts.
mkdir -p "$STATE"
exec 9>"$STATE/lock"
flock -w 300 9 || fail "another start.sh holds $STATE/lock"
mkdir -p "$STATE"/{bin,etc,log,run,spool/controller,spool/node1,spool/node2}
chmod 0755 "$STATE" "$STATE/run"

missing=()
for command in munged slurmctld slurmd sbatch; do
  command -v "$command" >/dev/null || missing+=("$command")
done
if [ ${#missing[@]} -gt 0 ]; then
  packages=(slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge)
  [ "$(id -u)" = 0 ] || fail "not installed: ${missing[*]}. As root: apt-get install ${packages[*]}"
  say "installing ${packages[*]}"
  {
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -o DPkg::Lock::Timeout=300 -y -q --no-install-recommends "${packages[@]}"
  } >"$STATE/log/apt.log" 2>&1 9>&- || fail "apt-get install"
fi

# Ranks find each other by the first node's name, so names must resolve.
for name in "${NODES[@]}" "$host"; do
  if ! getent hosts "$name" >/dev/null; then
    line="127.0.0.1 $name $HOSTS_MARK"
    echo "$line" 2>/dev/null >>/etc/hosts || fail "the name $name must resolve; add to /etc/hosts: $line"
  fi
done

memory=$(awk '/^MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
sed -e "s|@STATE@|$STATE|g" -e "s|@HOST@|$host|g" -e "s|@USER@|$(id -un)|g" -e "s|@CPUS@|$cpus|g" \
  -e "s|@PORT@|$port|g" -e "s|@NODE_PORTS@|$((port + 1))-$((port + 2))|g" -e "s|@MEMORY@|$memory|g" \
  "$here/slurm.conf.in" >"$conf.new"
if [ -f "$conf" ] && ! cmp -s "$conf" "$conf.new"; then
  say "the configuration changed: starting afresh"
  "$here/stop.sh" 9>&-
  rm -rf "$STATE/spool"
  mkdir -p "$STATE"/spool/{controller,node1,node2}
fi
mv "$conf.new" "$conf"
: >"$STATE/etc/cgroup.conf"
install -m 755 "$here/sacct" "$STATE/bin/sacct"
cat >"$STATE/env.sh" <<ENV
export SLURM_CONF=$conf
case :\$PATH: in *:$STATE/bin:*) ;; *) export PATH=$STATE/bin:\$PATH ;; esac
ENV
export SLURM_CONF=$conf

if ! living munged "$STATE/run/munged.pid" >/dev/null; then
  say "starting munged"
  key=$STATE/etc/munge.key
  if [ ! -s "$key" ]; then
    (umask 077 && head -c 1024 /dev/urandom >"$key")
  fi
  # --force: it may lie below a folder that others can write to
  munged --force --key-file="$key" --socket="$socket" --pid-file="$STATE/run/munged.pid" \
    --log-file="$STATE/log/munged.log" --seed-file="$STATE/run/munged.seed" \
    >"$STATE/log/munged-start.log" 2>&1 </dev/null 9>&- || fail "munged"
fi
munge --socket="$socket" --no-input 2>/dev/null | unmunge --socket="$socket" >/dev/null 2>&1 || fail "munge does not answer"

if ! living slurmctld "$STATE/run/slurmctld.pid" >/dev/null; then
  say "starting slurmctld"
  slurmctld -f "$conf" >"$STATE/log/slurmctld-start.log" 2>&1 </dev/null 9>&- || fail "slurmctld"
fi
for node in "${NODES[@]}"; do
  if ! living slurmd "$STATE/run/slurmd.$node.pid" >/dev/null; then
    say "starting slurmd of $node"
    slurmd -N "$node" -f "$conf" >"$STATE/log/slurmd-start.$node.log" 2>&1 </dev/null 9>&- || fail "slurmd of $node"
  fi
done

usable() { timeout 10 sinfo -h -N -o '%N %t' 2>/dev/null | awk '$2 ~ /^(idle|mix|alloc|comp)$/' | sort -u | wc -l; }
deadline=$((SECONDS + 60))
until [ "$(usable || true)" = "${#NODES[@]}" ]; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    sinfo -N -l >&2 || true
    fail "the nodes are not up after 60 s"
  fi
  for node in "${NODES[@]}"; do
    timeout 10 scontrol update nodename="$node" state=resume >/dev/null 2>&1 || true
  done
  sleep 0.3
done
say "ready: $(sinfo -h -o 'partition %P, %D nodes of %c CPUs')"
echo ". $STATE/env.sh"
