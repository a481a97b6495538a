#!/usr/bin/env bash
# Runs the system as the README says, uses it (../e2e/smoke.sh), and stops it. Fails at the first thing that does not hold.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
go build -o "$work/okr-local" ./deploy/local
OKR_DATA_DIR="$work/data" "$work/okr-local" >"$work/out" 2>"$work/log" &
system=$!
stop() {
  kill -TERM "$system" 2>/dev/null || true
  wait "$system" || { echo "the system did not stop cleanly" >&2; cat "$work/log" >&2; exit 1; }
  rm -rf "$work"
}
trap 'status=$?; [ $status = 0 ] || { echo "failed at line $LINENO" >&2; cat "$work/out" "$work/log" >&2; }; stop; exit $status' EXIT
for _ in $(seq 300); do
  grep -q 'Ctrl-C' "$work/out" && break
  kill -0 "$system"
  sleep 0.1
done
grep -q 'Ctrl-C' "$work/out"
cat "$work/out"

deploy/e2e/smoke.sh
