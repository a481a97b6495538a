#!/usr/bin/env bash
# Proves deploy/k8s on the cluster that kubectl points at, in the namespace okr-manager, which must not be there and is
# removed afterwards: lets the server check the overlays, applies local, uses the system (e2e/smoke.sh), replaces every pod
# under load, drains a node, and looks at the network policies. What a single node cannot show is that a drained pod finds
# another one.
#
# The images are built here and have to get into the cluster: OKR_K8S_LOAD is the command that takes their names, such as
# "minikube image load"; "kind load docker-image" if it is not set.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in docker kubectl curl grpcurl go; do
  command -v "$tool" >/dev/null || { echo "missing: $tool" >&2; exit 1; }
done
kubectl version >/dev/null || { echo "no cluster answers: set KUBECONFIG" >&2; exit 1; }
read -ra load <<<"${OKR_K8S_LOAD:-kind load docker-image}"
command -v "${load[0]}" >/dev/null || { echo "missing: ${load[0]}, to give the cluster the images" >&2; exit 1; }
! kubectl get namespace okr-manager >/dev/null 2>&1 || { echo "the cluster has a namespace okr-manager already" >&2; exit 1; }

work=$(mktemp -d)
k() { kubectl --namespace okr-manager "$@"; }
end() {
  local status=$?
  if [ $status != 0 ]; then
    k get pods -o wide >&2 || true
    k get events --sort-by .lastTimestamp 2>/dev/null | tail -n 15 >&2 || true
    k logs --selector app.kubernetes.io/part-of=okr-manager --prefix --tail 5 >&2 || true
  fi
  kill $(jobs -p) 2>/dev/null || true
  [ -z "${drained:-}" ] || kubectl uncordon "$drained" >/dev/null || true
  kubectl delete namespace okr-manager okr-manager-others --ignore-not-found --timeout 120s >/dev/null || true
  rm -rf "$work"
  exit $status
}
trap end EXIT

echo "== images"
docker compose --progress quiet build
images=()
for box in okr-store authz rest mcp devidp; do
  docker tag "okr-manager/$box" "okr-manager/$box:dev"
  images+=("okr-manager/$box:dev")
done
"${load[@]}" "${images[@]}"

[ -s deploy/k8s/local/txn-keys.json ] || go run ./services/authz/cmd/authz keys >deploy/k8s/local/txn-keys.json
unrestricted() { grep -i 'would violate' "$work/warnings" >&2; }

echo "== the overlays, as the server sees them"
kubectl apply -f deploy/k8s/production/namespace.yaml >/dev/null
for overlay in production production-mtls overlays/cluster; do # before there is anything that they would change
  kubectl apply -k "deploy/k8s/$overlay" --dry-run=server >"$work/dry" 2>"$work/warnings" || { cat "$work/warnings" >&2; exit 1; }
  ! unrestricted || exit 1
  echo "$overlay: $(wc -l <"$work/dry") objects would be taken"
done

echo "== start, under the pod security level restricted"
kubectl apply -k deploy/k8s/local 2>"$work/warnings" | tail -n 3
! unrestricted || exit 1
ready() { for what in statefulset/devidp deployment/authz statefulset/okr-store deployment/mcp deployment/rest; do k rollout status --timeout 180s "$what" >/dev/null; done; }
ready

forward() { # forward SERVICE PORT: until it is stopped, and again when the pod behind it goes
  ! { : </dev/tcp/localhost/"$2"; } 2>/dev/null || { echo "port $2 is taken" >&2; return 1; }
  {
    trap 'kill $(jobs -p) 2>/dev/null; exit' TERM
    while :; do kubectl -n okr-manager port-forward "service/$1" "$2" >/dev/null 2>&1 & wait $! || sleep 0.2; done
  } &
  for _ in $(seq 100); do { : </dev/tcp/localhost/"$2"; } 2>/dev/null && return; sleep 0.1; done
  echo "port $2 is not forwarded" >&2; return 1
}
forward rest 3000
forward devidp 4000
forward okr-store 9001

echo "== use it"
deploy/e2e/smoke.sh

echo "== replace every pod under load"
# In an organization of its own: e2e/smoke.sh looks at the first page of the other's.
token=$(curl -fsS -H 'content-type: application/json' http://localhost:4000/_dev/tokens -d '{"member_id":"member-test-b0000000-0000-4000-8000-000000000001","client_name":"k8s","scopes":["read:okrs","manage:objectives"]}' | sed -E 's/.*"access_token": ?"([^"]+)".*/\1/')
node=$(kubectl get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
edge=http://$node:$(k get service rest -o jsonpath='{.spec.ports[0].nodePort}')
call() { curl -sS -m 10 -o "$work/answer" -w '%{http_code}\n' -H "host: localhost:3000" -H "authorization: Bearer $token" "$@"; }
[ "$(call "$edge/api/v1/objectives")" = 200 ] || { cat "$work/answer" >&2; exit 1; }
# Reads and writes that are safe to repeat, one after the other, until the file stop appears. A line per call: its status,
# and of what failed the answer.
noted() {
  local status; status=$(call "$@")
  echo "$status" >>"$work/calls"
  case $status in 20[01]) ;; *) { date +%T.%N; echo "$1 $status"; cat "$work/answer"; echo; } >>"$work/failures" ;; esac
}
hammer() {
  local n=0
  until [ -e "$work/stop" ]; do
    n=$((n + 1))
    noted "$edge/api/v1/objectives?pageSize=5"
    noted "$edge/mcp" -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' -H 'mcp-protocol-version: 2025-06-18' \
      -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    noted "$edge/api/v1/objectives?requestId=$1-$n" -H 'content-type: application/json' -d '{"title":"Written under load"}'
  done
}
under_load() { # under_load WHAT COMMAND...: prints how many calls failed
  rm -f "$work/stop" "$work/calls" "$work/failures"
  hammer "$RANDOM" & local hammering=$!
  sleep 1
  "${@:2}" >/dev/null
  ready
  sleep 1
  touch "$work/stop"
  wait "$hammering"
  failed=$(grep -cv '^20[01]$' "$work/calls" || true)
  echo "$1: $(wc -l <"$work/calls") calls, $failed failed"
}
none() { [ "$failed" = 0 ] || { sort "$work/calls" | uniq -c >&2; cat "$work/failures" >&2; echo "no call should have failed" >&2; exit 1; }; }
only_unavailable() { [ "$(grep -cvE '^(200|201|503)$' "$work/calls")" = 0 ] || { sort "$work/calls" | uniq -c >&2; cat "$work/failures" >&2; echo "a call failed in another way than 503" >&2; exit 1; }; }
for box in rest mcp authz; do
  under_load "rolling update of $box" k rollout restart "deployment/$box"; none
done
under_load "scaling the edges to 3" k scale --replicas 3 deployment/rest deployment/mcp; none
under_load "scaling the edges to 2" k scale --replicas 2 deployment/rest deployment/mcp; none
for box in rest mcp authz; do
  one=$(k get pods -l "app.kubernetes.io/name=$box" -o jsonpath='{.items[0].metadata.name}')
  under_load "deletion of a pod of $box" k delete pod "$one"; none
done
under_load "restart of okr-store" k delete pod okr-store-0
only_unavailable
for _ in $(seq 20); do [ "$(call "$edge/api/v1/objectives")" = 200 ] && break; sleep 0.2; done # an edge dials again within a second
[ "$(call "$edge/api/v1/objectives")" = 200 ] || { cat "$work/answer" >&2; echo "the edges do not find okr-store again" >&2; exit 1; }

echo "== drain a node under load, with the system in use"
drained=$(k get pods -l app.kubernetes.io/name=rest -o jsonpath='{.items[0].spec.nodeName}')
drain() { kubectl drain "$drained" --ignore-daemonsets --delete-emptydir-data --pod-selector "app.kubernetes.io/part-of=okr-manager,$1" --timeout "$2" >"$work/drain" 2>&1; }
# Where there is no other node, each disruption budget lets one pod go and holds the other, for as long as the drain asks.
drain_replicas() {
  drain 'app.kubernetes.io/name in (authz, mcp, rest)' 45s & local draining=$!
  sleep 10
  for _ in $(seq 50); do # until the forwarding has noticed which pods went
    curl -fs -o /dev/null http://localhost:3000/readyz && grpcurl -plaintext localhost:9001 list >/dev/null 2>&1 && break
    sleep 0.2
  done
  deploy/e2e/smoke.sh
  local whole=0; wait "$draining" || whole=1
  if [ "$(kubectl get nodes -o name | wc -l)" = 1 ]; then
    [ $whole = 1 ] && grep -q "violate the pod's disruption budget" "$work/drain" || { cat "$work/drain" >&2; return 1; }
    for box in authz mcp rest; do
      [ "$(k get deployment "$box" -o jsonpath='{.status.readyReplicas}')" = 1 ] || { echo "the drain was to leave one pod of $box" >&2; return 1; }
    done
  else
    [ $whole = 0 ] || { cat "$work/drain" >&2; return 1; }
  fi
  kubectl uncordon "$drained"
}
under_load "drain of the replicas" drain_replicas; none
drain_store() { drain 'app.kubernetes.io/name=okr-store' 60s || { cat "$work/drain" >&2; return 1; }; kubectl uncordon "$drained"; }
under_load "drain of okr-store" drain_store; only_unavailable

echo "== who may talk to whom"
kubectl create namespace okr-manager-others >/dev/null
reach() { # reach NAMESPACE NAME: whether a pod there reaches okr-store, if need be at the third attempt: policies learn of a pod after it started
  kubectl --namespace "$1" run "$2" --image okr-manager/okr-store:dev --image-pull-policy IfNotPresent --restart OnFailure \
    --overrides '{"spec":{"securityContext":{"runAsNonRoot":true,"runAsUser":65532,"seccompProfile":{"type":"RuntimeDefault"}},"containers":[{"name":"'"$2"'","image":"okr-manager/okr-store:dev","command":["/box","healthcheck"],"env":[{"name":"OKR_STORE_ADDR","value":"okr-store.okr-manager.svc.cluster.local:9001"},{"name":"OKR_PLAIN_NETWORK","value":"true"}],"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}}' >/dev/null
  kubectl --namespace "$1" wait --for=jsonpath='{.status.phase}'=Succeeded --timeout 40s "pod/$2" >/dev/null 2>&1
}
! reach okr-manager-others stranger || { echo "a pod of another namespace reaches okr-store" >&2; exit 1; }
! reach okr-manager neighbour || { echo "any pod of the namespace reaches okr-store" >&2; exit 1; }
kubectl label namespace okr-manager-others okr-manager/grpc-client=true >/dev/null
sleep 2
reach okr-manager-others team || { echo "a pod of a namespace that may does not reach okr-store" >&2; exit 1; }

echo "k8s: applied, used, every pod replaced under load, a node drained, policies hold"
