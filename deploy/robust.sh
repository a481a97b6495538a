#!/usr/bin/env bash
# The long forms of tests: the system under a mixed load (SOAK says for how long), the store with very many objectives, its
# tests on etcd, and every fuzz target (FUZZ says for how long each). Prints the figures last; fails where something fails,
# after everything else has run.
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
    sed -nE '/^(ok|FAIL|--- FAIL)[[:space:]:]/p' "$work/out"
  } >>"$work/figures"
}

try "the system for ${SOAK:=10m}" env OKR_E2E_SOAK="$SOAK" \
  go test -race -count=1 -timeout 0 -v -run '^(TestTheSystemComesBackToWhereItWasAfterAMixedLoad|TestAWatcherThatDropsManyTimesMissesNothingAndSeesNothingTwice)$' ./deploy/e2e
try "the store, with very many objectives" \
  go test -count=1 -timeout 30m -v ./services/okrstore/internal/api
etcd=http://127.0.0.1:23790
.bin/etcd --data-dir "$work/etcd" --log-level error --quota-backend-bytes 8589934592 \
  --listen-client-urls $etcd --advertise-client-urls $etcd --listen-peer-urls http://127.0.0.1:23780 \
  --initial-advertise-peer-urls http://127.0.0.1:23780 --initial-cluster default=http://127.0.0.1:23780 &
trap 'kill %1; rm -rf "$work"' EXIT
try "the store's own tests, on etcd" env OKR_STORE_TEST_ETCD=$etcd \
  go test -count=1 -timeout 60m ./services/okrstore/internal/api
while IFS=: read -r file target; do
  try "$target" go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZ:=1m}" "./$(dirname "$file")"
done < <(grep -roE --include='*_test.go' '^func Fuzz\w+' proto services gateway deploy | sed 's/func //' | sort)

printf '\n== figures\n'
cat "$work/figures"
if [ -s "$work/failed" ]; then
  printf '\nFailed:\n' >&2
  cat "$work/failed" >&2
  exit 1
fi
