#!/usr/bin/env bash
# Proves docker-compose.yml: builds, starts, uses the system (e2e/smoke.sh), looks at how the containers are held, and
# restarts each under load, stops and starts all to see that the data is kept, and starts and uses the other variants: a
# Stytch project of one's own, the profile observability where its images are here, and the store over etcd. It works in a
# project of its own and removes it afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in docker go curl grpcurl; do
  command -v "$tool" >/dev/null || { echo "missing: $tool" >&2; exit 1; }
done
docker info >/dev/null 2>&1 || { echo "no Docker engine answers: start one" >&2; exit 1; }
docker compose version >/dev/null 2>&1 || { echo "missing: the compose plugin of docker" >&2; exit 1; }

work=$(mktemp -d)
variant=() # options of compose that make it another one than the default
compose() { docker compose --project-name okr-manager-check --progress quiet "${variant[@]}" "$@"; }
end() {
  local status=$?
  [ $status = 0 ] || compose logs --tail 20 >&2 || true
  kill $(jobs -p) 2>/dev/null || true
  docker rm --force --volumes okr-manager-check-stytch >/dev/null 2>&1 || true
  compose --profile cluster down --volumes --timeout 20
  rm -rf "$work"
  exit $status
}
trap end EXIT

echo "== build and start"
compose --profile cluster build
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

new_token() { token=$(curl -fsS -H 'content-type: application/json' http://localhost:4000/_dev/tokens -d '{"member_id":"member-test-a0000000-0000-4000-8000-000000000001","client_name":"compose","scopes":["read:okrs","manage:objectives"]}' | sed -E 's/.*"access_token": ?"([^"]+)".*/\1/'); }
new_token

echo "== each box restarted under load"
go build -o "$work/okrctl" ./proto/cmd/okrctl
ctl() { OKR_TOKEN=$token "$work/okrctl" -o json "$@"; }
# Two callers, each one thing after the other until the file stop appears: a read, and a write that is repeated under the
# same request id until it is acknowledged. What was acknowledged stands in written, a line of what failed in failures.
grpc_load() { # grpc_load PREFIX
  local n=0
  until [ -e "$work/stop" ]; do
    n=$((n + 1))
    ctl objectives list --limit 1 >/dev/null 2>"$work/grpc" || { tr '\n' ' ' <"$work/grpc"; echo; } >>"$work/failures.grpc"
    until ctl objectives create "grpc $1 $n" --request-id "grpc-$1-$n" 2>"$work/grpc" | grep -om 1 'okr_[0-9A-Z]*' >>"$work/written"; do
      { tr '\n' ' ' <"$work/grpc"; echo; } >>"$work/failures.grpc"
      sleep 0.2
    done
    echo >>"$work/calls.grpc"
  done
}
rest_load() { # rest_load PREFIX
  local n=0
  until [ -e "$work/stop" ]; do
    n=$((n + 1))
    rest_call 'api/v1/objectives?pageSize=1' || true
    rest_call mcp -H 'accept: application/json, text/event-stream' -H 'mcp-protocol-version: 2025-06-18' -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' || true
    until rest_call "api/v1/objectives?requestId=rest-$1-$n" -H 'content-type: application/json' -d "{\"title\":\"rest $1 $n\"}"; do sleep 0.2; done
    grep -om 1 'okr_[0-9A-Z]*' "$work/answer" | head -n 1 >>"$work/written"
    echo >>"$work/calls.rest"
  done
}
rest_call() { # rest_call PATH ARGUMENT...: whether it was done; what failed is noted as its status, 000 for no answer, and answer
  local status; status=$(curl -s -m 20 -o "$work/answer" -w '%{http_code}' -H "authorization: Bearer $token" "${@:2}" "http://localhost:3000/$1") || status=000
  case $status in
    20[01]) return 0 ;;
    000) echo "000 $1" >>"$work/failures.rest" ;;
    *) echo "$status $1 $(tr '\n' ' ' <"$work/answer")" >>"$work/failures.rest" ;;
  esac
  return 1
}
# What the edges answer while something behind them is away: REST's error, or over MCP one of JSON-RPC.
passing='^503 [^ ]+ \{("error":\{"code":503,"status":"UNAVAILABLE","message":"[^"]+","reason":"(AUTHZ|SERVICE)_UNAVAILABLE","details":\[[^]]*\]\}|"jsonrpc":"2.0",("id":[^,]*,)?"error":\{"code":-31000,"message":"[^"]+"\})\} ?$'
restarts() { # restarts BOX...: each in its turn; of what was acknowledged meanwhile nothing is lost, and nothing there twice
  local box kind lost
  : >"$work/written"
  for box in "$@"; do
    rm -f "$work/stop"
    for kind in grpc rest; do : >"$work/failures.$kind"; : >"$work/calls.$kind"; done
    grpc_load "$box" & rest_load "$box" &
    sleep 2
    compose restart "$box"
    compose up --detach --wait
    sleep 2
    touch "$work/stop"
    wait
    echo "$box: $(wc -l <"$work/calls.grpc") rounds by okrctl, $(wc -l <"$work/failures.grpc") calls failed; $(wc -l <"$work/calls.rest") over HTTP, $(wc -l <"$work/failures.rest") failed"
    cat "$work/failures.grpc" "$work/failures.rest" | cut -c 1-300 | sed -E 's/requestId=[a-z0-9-]+/requestId=…/' | sort | uniq -c
    # okrctl waits for what is away. Over HTTP what fails may be tried again, and says so; nobody answers where the REST edge
    # itself is away.
    [ ! -s "$work/failures.grpc" ] || { echo "okrctl failed" >&2; exit 1; }
    ! grep -vE "$passing" "$work/failures.rest" | grep -v "^${box/#rest/000} " ||
      { echo "a call failed in a way that does not pass by itself" >&2; exit 1; }
  done
  ctl objectives list >"$work/kept"
  titles() { grep -oE '"title": *"(grpc|rest) [a-z0-9-]+ [0-9]+"' "$work/kept"; }
  grep -oE '"id": *"okr_[0-9A-Z]+"' "$work/kept" | grep -o 'okr_[0-9A-Z]*' | sort -u >"$work/ids"
  lost=$(sort -u "$work/written" | comm -23 - "$work/ids")
  [ -z "$lost" ] || { echo "acknowledged and lost: $lost" >&2; exit 1; }
  [ "$(titles | sort | uniq -d)" = "" ] || { echo "written twice: $(titles | sort | uniq -d)" >&2; exit 1; }
  echo "$(wc -l <"$work/written") writes acknowledged, each of them there, once"
}
restarts devidp authz okr-store mcp rest

echo "== what was written is there after a restart"
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

echo "== with a Stytch project that answers, which is a devidp outside of compose, everything works as with the one inside"
own down --volumes --timeout 20
sed -i -e 's#^\(OKR_STYTCH_BASE_URI\|OKR_OAUTH_ISSUER_INTERNAL_URL\)=$#&http://stytch:4000#' -e 's#^OKR_STYTCH_PUBLIC_URL=$#&http://localhost:4000#' \
  -e 's#^OKR_OAUTH_ISSUER=.*#OKR_OAUTH_ISSUER=http://localhost:4000#' "$work/filled.env"
variant=(--env-file "$work/filled.env")
compose up --no-start
docker run --detach --name okr-manager-check-stytch --network okr-manager-check_identity --network-alias stytch --publish 127.0.0.1:4000:4000 \
  --env-file <(grep '^OKR_STYTCH_\(PROJECT_ID\|SECRET\|PUBLIC_TOKEN\)=' "$work/filled.env") \
  --env OKR_DEVIDP_ADDR=:4000 --env OKR_DEVIDP_ALLOW_NON_LOOPBACK=true --env OKR_DEVIDP_PUBLIC_URL=http://localhost:4000 \
  --env OKR_DEVIDP_AUTHORIZATION_URL=http://localhost:3000/oauth/authorize --env OKR_DEVIDP_REDIRECT_ORIGINS=http://localhost:3000 okr-manager/devidp >/dev/null
compose up --detach --wait
[ "$(compose ps --services | sort | xargs)" = "authz mcp okr-store rest" ] || { compose ps >&2; exit 1; }
deploy/e2e/smoke.sh
docker rm --force --volumes okr-manager-check-stytch >/dev/null
compose down --volumes --timeout 20

echo "== what looks at the boxes: where its images are here, it reaches every box, has every rule, and sees a call as one trace"
variant=()
export COMPOSE_PROFILES=observability
observed="without what looks at them"
if docker image inspect $(compose config --images collector jaeger prometheus) >/dev/null 2>&1; then
  until_has() { # until_has TEXT ADDRESS ARGUMENT...: the address answers it within a minute
    local n
    for n in $(seq 60); do
      curl -fsS -G "${@:2}" 2>/dev/null >"$work/answer" && grep -qF -- "$1" "$work/answer" && return
      sleep 1
    done
    echo "expected $1 of $2: $(head -c 2000 "$work/answer")" >&2
    return 1
  }
  compose up --detach --wait devidp rest collector jaeger prometheus
  deploy/e2e/smoke.sh
  until_has ',"4"]' http://localhost:9090/api/v1/query --data-urlencode 'query=count(up == 1)'
  until_has ',"0"]' http://localhost:9090/api/v1/query --data-urlencode 'query=count(up) - count(up == 1)'
  until_has '"BoxDown"' http://localhost:9090/api/v1/rules
  until_has 'okr.v1.OkrService/CreateObjective' http://localhost:16686/api/traces -d service=rest --data-urlencode 'operation=POST /api/v1/objectives'
  for box in rest authz okr-store; do grep -q "\"serviceName\": *\"$box\"" "$work/answer" || { echo "$box is not in the trace" >&2; exit 1; }; done
  compose kill collector # nobody waits for it
  deploy/e2e/smoke.sh
  compose down --volumes --timeout 20
  observed="with what looks at them"
fi
unset COMPOSE_PROFILES

echo "== the store over etcd: each member and a replica restarted under load"
export OKR_STORE_ENGINE=etcd
variant=(--profile cluster)
compose up --detach --wait
[ "$(compose ps --services | grep -c -e etcd -e okr-store)" = 6 ] || { compose ps --all >&2; exit 1; }
deploy/e2e/smoke.sh
new_token
restarts etcd-1 etcd-2 etcd-3 okr-store-2

echo "compose: $(wc -w <<<"$containers") containers, none as root, none with a writable root; $(wc -l <<<"$before") records kept over a restart; the variants work, $observed"
