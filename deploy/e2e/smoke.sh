#!/usr/bin/env bash
# Uses a system that runs at the usual addresses as the README says: signs in by e-mail code over REST, creates and lists
# objectives, and uses gRPC by grpcurl. Fails at the first thing that does not hold.
set -euo pipefail
for tool in curl grpcurl; do
  command -v "$tool" >/dev/null || { echo "missing: $tool" >&2; exit 1; }
done
work=$(mktemp -d)
trap 'status=$?; rm -rf "$work"; [ $status = 0 ] || echo "failed at line $LINENO" >&2; exit $status' EXIT

web=http://localhost:3000 idp=http://localhost:4000 store=localhost:9001
json='content-type: application/json'
has() { # has TEXT: the input contains it
  local text; text=$(cat)
  grep -qF -- "$1" <<<"$text" || { echo "expected $1 in: $text" >&2; return 1; }
  printf '%s\n' "$text"
}
field() { sed -nE "s/.*\"$1\": ?\"([^\"]+)\".*/\1/p" | head -n 1; }

echo "== sign in by e-mail code, over REST"
sign_in() { # sign_in EMAIL ORGANIZATION JAR
  curl -fsS -c "$3" -H "$json" -d "{\"emailAddress\":\"$1\"}" "$web/api/v1/session:sendEmailCode"
  code=$(curl -fsS "$idp/_dev/outbox?format=json&to=$1" | tr ',' '\n' | field code)
  curl -fsS -b "$3" -c "$3" -H "$json" -d "{\"emailAddress\":\"$1\",\"code\":\"$code\"}" "$web/api/v1/session:authenticateEmailCode" | has CHOOSE_ORGANIZATION >/dev/null
  curl -fsS -b "$3" -c "$3" -H "$json" -d "{\"organizationId\":\"$2\"}" "$web/api/v1/session:joinOrganization" | has SIGN_IN_STEP_DONE >/dev/null
}
acme=organization-test-a0000000-0000-4000-8000-000000000001
globex=organization-test-b0000000-0000-4000-8000-000000000002
sign_in ada@acme.test "$acme" "$work/ada"
sign_in emma@acme.test "$acme" "$work/emma"
sign_in gina@globex.test "$globex" "$work/gina"

echo "== create and list, over REST"
objective=$(curl -fsS -b "$work/ada" -H "$json" -d '{"title":"Be easy to try"}' "$web/api/v1/objectives" | has '"title"' | tr ',' '\n' | field id)
curl -fsS -b "$work/emma" "$web/api/v1/objectives" | has "$objective" >/dev/null
curl -sS -b "$work/emma" -H "$json" -d '{"title":"Not for me"}' "$web/api/v1/objectives" | has ROLE_MISSING >/dev/null
curl -fsS -b "$work/gina" "$web/api/v1/objectives" | { ! grep -q "$objective"; }
curl -sS -b "$work/gina" "$web/api/v1/objectives/$objective" | has OBJECTIVE_NOT_FOUND >/dev/null

echo "== grpcurl"
token=$(curl -fsS -H "$json" "$idp/_dev/tokens" -d '{"member_id":"member-test-a0000000-0000-4000-8000-000000000001","client_name":"grpcurl","scopes":["read:okrs","manage:objectives","manage:krs"]}' | tr ',' '\n' | field access_token)
call() { grpcurl -plaintext -H "authorization: Bearer $token" "$@"; }
grpcurl -plaintext "$store" list | has okr.v1.OkrService
grpcurl -plaintext "$store" describe okr.v1.OkrService.GetObjective | has access.v1.rule
call -d '{"objective":{"title":"Second objective"}}' "$store" okr.v1.OkrService/CreateObjective | has '"etag"'
page=$(call -d '{"page_size":1}' "$store" okr.v1.OkrService/ListObjectives | has nextPageToken | field nextPageToken)
call -d "{\"page_size\":1,\"page_token\":\"$page\"}" "$store" okr.v1.OkrService/ListObjectives | has 'Second objective'
cursor=$(call -d '{}' "$store" okr.v1.OkrService/ListObjectives | tail -n 3 | field cursor)
call -max-time 5 -d "{\"after_cursor\":\"$cursor\"}" "$store" okr.v1.OkrService/WatchChanges >"$work/watch" 2>&1 &
watcher=$!
call -d "{\"objective_id\":\"$objective\",\"key_result\":{\"title\":\"Seen live\"}}" "$store" okr.v1.OkrService/CreateKeyResult | has '"attainment": 0'
wait "$watcher" || true # ends by its time limit
has 'Seen live' <"$work/watch" >/dev/null

echo "tried out: sign-in, REST, gRPC and watch work"
