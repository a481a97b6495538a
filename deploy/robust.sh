#!/usr/bin/env bash
# The long forms of tests: the system under a mixed load (SOAK says for how long), linearizability on a file and on etcd
# (OPERATIONS, CLUSTER_OPERATIONS and PARTED_OPERATIONS say how many each of the three tests makes at least; the last, which
# parts the network, takes root), the store with very many objectives, its tests on etcd, every fuzz target (FUZZ says for
# how long each), and the mutants. Prints the figures and the sums last; fails where something fails, after everything else
# has run.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/failed"

# try runs a test, and keeps what it says under its name.
try() {
  local name=$1
  shift
  printf '\n== %s\n' "$name"
  if ! "$@" </dev/null 2>&1 | tee "$work/out"; then
    echo "$name" >>"$work/failed"
  fi
  {
    printf '\n%s\n' "$name"
    sed -nE 's/^ +[a-z0-9_]+_test\.go:[0-9]+: ([^[])/\1/p' "$work/out" # what tests log, and their errors
    sed -nE '/^fuzz: elapsed/h; ${x;/./p}' "$work/out"           # the last line of progress
    sed -nE '/^(ok|FAIL|--- FAIL|mutants)[[:space:]:]/p' "$work/out"
  } >>"$work/figures"
}

try "the system for ${SOAK:=10m}" env OKR_E2E_SOAK="$SOAK" \
  go test -race -count=1 -timeout 0 -v -run '^(TestTheSystemComesBackToWhereItWasAfterAMixedLoad|TestAWatcherThatDropsManyTimesMissesNothingAndSeesNothingTwice)$' ./deploy/e2e
# Without the race detector, which takes most of the machine: the stores of these tests run in processes of their own.
while read -r operations test; do
  try "linearizability, $test" env OKR_E2E_OPERATIONS="$operations" \
    go test -count=1 -timeout 0 -v -run "^TestTheStoreIsLinearizable$test\$" ./deploy/e2e
done <<END
${OPERATIONS:=1000000} WhileItIsKilled
${CLUSTER_OPERATIONS:=100000} OnAClusterWhoseMembersAndReplicasFail
${PARTED_OPERATIONS:=10000} OnAClusterWhoseNetworkComesApart
END
try "the store, with very many objectives" \
  go test -count=1 -timeout 30m -v ./services/okrstore/internal/api
try "crashes at every write to the store's file" env OKR_STORE_TEST_CRASHES=2000 \
  go test -count=1 -timeout 0 -v -run '^TestACrashAtAnyWrite' ./services/okrstore/internal/storage/boltengine
etcd=http://127.0.0.1:23790
.bin/etcd --data-dir "$work/etcd" --log-level error --quota-backend-bytes 8589934592 \
  --listen-client-urls $etcd --advertise-client-urls $etcd --listen-peer-urls http://127.0.0.1:23780 \
  --initial-advertise-peer-urls http://127.0.0.1:23780 --initial-cluster default=http://127.0.0.1:23780 &
trap 'kill %1; rm -rf "$work"' EXIT
try "the store's own tests, on etcd" env OKR_STORE_TEST_ETCD=$etcd \
  go test -count=1 -timeout 60m ./services/okrstore/internal/api
trap 'rm -rf "$work"' EXIT
kill %1
wait %1 || true # what it says of its end is not to come after the figures
while IFS=: read -r file target; do
  try "$target" go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZ:=1m}" "./$(dirname "$file")"
done < <(grep -roE --include='*_test.go' '^func Fuzz\w+' proto services gateway deploy | sed 's/func //' | sort)

try "mutants" go run ./deploy/mutants

printf '\n== figures\n'
cat "$work/figures"
awk '
  /operations: [0-9]+ on / {
    at = index($0, "operations: ")
    n = split(substr($0, at + 12), part, /[ ,]+/)
    sum += part[1]; if (part[3] == "etcd") etcd += part[1]
    rest = substr($0, at)
    if (match(rest, /[0-9]+ acknowledged writes lost/)) lost += substr(rest, RSTART)
    if (match(rest, /[0-9]+ done twice/)) twice += substr(rest, RSTART)
    if (match(rest, /[0-9]+ of another organization/)) foreign += substr(rest, RSTART)
  }
  END {
    printf "\nIn all: %d operations whose answers were checked, %d of them on etcd; %d acknowledged writes lost, %d done twice, %d reads of another organization\n", sum, etcd, lost, twice, foreign
  }' "$work/figures"
if [ -s "$work/failed" ]; then
  printf '\nFailed:\n' >&2
  cat "$work/failed" >&2
  exit 1
fi
