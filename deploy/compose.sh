#!/usr/bin/env bash
# Proves docker-compose.yml: builds, starts, uses the system (e2e/smoke.sh), looks at how the containers are held, and
# stops and starts it again to see that the data is kept. It works in a project of its own and removes it afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v docker >/dev/null || { echo "missing: docker" >&2; exit 1; }
docker info >/dev/null 2>&1 || { echo "no Docker engine answers: start one" >&2; exit 1; }
docker compose version >/dev/null 2>&1 || { echo "missing: the compose plugin of docker" >&2; exit 1; }

work=$(mktemp -d)
compose() { docker compose --project-name okr-manager-check --progress quiet "$@"; }
end() {
  local status=$?
  [ $status = 0 ] || compose logs --tail 20 >&2 || true
  compose down --volumes --timeout 20
  rm -rf "$work"
  exit $status
}
trap end EXIT

echo "== build and start"
compose build
compose up --detach --wait

echo "== how the containers are held"
containers=$(compose ps --quiet)
[ "$(wc -w <<<"$containers")" = "$(compose config --services | wc -l)" ] || { compose ps --all >&2; exit 1; }
for container in $containers; do
  docker inspect --format '{{.Name}} user={{.Config.User}} read-only={{.HostConfig.ReadonlyRootfs}} dropped={{.HostConfig.CapDrop}} added={{.HostConfig.CapAdd}} privileged={{.HostConfig.Privileged}} options={{.HostConfig.SecurityOpt}}' "$container"
done | tee /dev/stderr | while read -r name user read_only dropped added privileged options; do
  [ "$user $read_only $dropped $added $privileged $options" = \
    "user=65532:65532 read-only=true dropped=[ALL] added=[] privileged=false options=[no-new-privileges:true]" ] ||
    { echo "$name is held too loosely" >&2; exit 1; }
done
docker ps --filter label=com.docker.compose.project=okr-manager-check --format '{{.Ports}}' | tr ',' '\n' | sed 's/^ *//' |
  { ! grep -E -- '->' | grep -v '^127\.0\.0\.1:'; } || { echo "a port is open to other machines" >&2; exit 1; }

for container in $containers; do
  name=$(docker inspect --format '{{.Name}}' "$container")
  [ "$(docker top "$container" -eo pid,uid | awk 'NR > 1 { print $2 }' | sort -u)" = 65532 ] || { echo "$name runs as another user" >&2; exit 1; }
  ! docker cp deploy/env.example "$container:/probe" >/dev/null 2>&1 || { echo "the root file system of $name can be written to" >&2; exit 1; }
done

echo "== with a Stytch project of one's own, nothing points at devidp and it is not started"
docker compose --env-file deploy/env.example config >"$work/stytch"
awk -v own="$work/devidp" '/^  [a-z]/ { out = $1 == "devidp:" ? own : own ".others" } /^[a-z]/ { out = own ".others" } { print > out }' "$work/stytch"
! grep -nE 'devidp:4000|localhost:4000' "$work/devidp.others" || { echo "something still does" >&2; exit 1; }
grep -q '^    scale: 0$' "$work/devidp" || { echo "devidp would be started" >&2; exit 1; }

echo "== use it"
deploy/e2e/smoke.sh

echo "== what was written is there after a restart"
token=$(curl -fsS -H 'content-type: application/json' http://localhost:4000/_dev/tokens -d '{"member_id":"member-test-a0000000-0000-4000-8000-000000000001","client_name":"compose","scopes":["read:okrs"]}' | sed -E 's/.*"access_token": ?"([^"]+)".*/\1/')
list() { curl -fsS -H "authorization: Bearer $token" 'http://localhost:3000/api/v1/objectives?pageSize=200' | grep -o '"id":"[^"]*"' | sort; }
before=$(list)
[ -n "$before" ]
compose down --timeout 20
compose up --detach --wait
after=$(list) # by the same token: devidp and authz have kept their keys
[ "$before" = "$after" ] || { printf 'before:\n%s\nafter:\n%s\n' "$before" "$after" >&2; exit 1; }

echo "== with a Stytch project that nobody reaches, the boxes are ready all the same, and signing in says what is wrong"
compose down --volumes --timeout 20
sed -e 's/=\(project-test-\|secret-test-\|public-token-test-\)…$/=\110000000-0000-4000-8000-000000000000/' \
  -e 's/^\(OKR_EDGE_KEY_REST\|OKR_EDGE_KEY_MCP\|OKR_MCP_SEAL_KEY\)=$/&\1-0123456789abcdef0123456789abcdef/' deploy/env.example >"$work/filled.env"
printf 'networks:\n  identity: {internal: true}\n' >"$work/cut.yml" # no way out: nobody is asked about made-up credentials
own() { compose --env-file "$work/filled.env" --file docker-compose.yml --file "$work/cut.yml" "$@"; }
own up --detach --wait --wait-timeout 180
[ "$(own ps --services | sort | xargs)" = "authz mcp okr-store rest" ] || { own ps >&2; exit 1; }
[ "$(curl -sS -o "$work/refused" -w '%{http_code}' -H 'content-type: application/json' -d '{"emailAddress":"ada@acme.test"}' http://localhost:3000/api/v1/session:sendEmailCode)" = 503 ] &&
  grep -q AUTHZ_UNAVAILABLE "$work/refused" || { cat "$work/refused" >&2; exit 1; }
[ "$(curl -sS -o /dev/null -w '%{redirect_url}' 'http://localhost:3000/signin/sso?organization=acme')" = 'http://localhost:3000/signin?problem=AUTHZ_UNAVAILABLE' ]

echo "compose: $(wc -w <<<"$containers") containers, none as root, none with a writable root; $(wc -l <<<"$before") records kept over a restart"
