#!/usr/bin/env bash
# Uses a system that runs at the usual addresses as the README says: signs in by e-mail code over REST, creates and lists
# objectives, invites somebody, and uses MCP and gRPC. Fails at the first thing that does not hold.
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

echo "== invite somebody, who follows the link"
guest="guest-$RANDOM$RANDOM@acme.test"
curl -fsS -b "$work/ada" -H "$json" -d "{\"emailAddress\":\"$guest\"}" "$web/api/v1/members:invite" | has MEMBER_STATUS_INVITED >/dev/null
curl -sS -b "$work/emma" -H "$json" -d '{"emailAddress":"other@acme.test"}' "$web/api/v1/members:invite" | has STYTCH_DENIED >/dev/null
link=$(curl -fsS "$idp/_dev/outbox?format=json&to=$guest" | tr ',' '\n' | field link | sed 's/\\u0026/\&/g')
[ "${link%%\?*}" = "$web/authenticate" ] || { echo "the link is $link" >&2; exit 1; }
asked=$(curl -fsS -L -b "$work/guest" -c "$work/guest" "$link" | grep -o 'name="link" value="[^"]*"' | cut -d '"' -f 4)
curl -fsS -o /dev/null -b "$work/guest" -c "$work/guest" --data-urlencode "link=$asked" "$web/authenticate"
curl -fsS -b "$work/guest" "$web/api/v1/session" | has "$guest" >/dev/null

echo "== single sign-on starts at the address that browsers know"
curl -fsS -o /dev/null -w '%{redirect_url}' "$web/signin/sso?organization=acme" | has "$idp/v1/public/sso/start" >/dev/null

echo "== MCP and gRPC, by a token"
token=$(curl -fsS -H "$json" "$idp/_dev/tokens" -d '{"member_id":"member-test-a0000000-0000-4000-8000-000000000001","client_name":"grpcurl","scopes":["read:okrs","manage:objectives","manage:krs"]}' | tr ',' '\n' | field access_token)
mcp() { curl -sS -H "$json" -H 'accept: application/json, text/event-stream' -H 'mcp-protocol-version: 2025-06-18' -d "$1" "$web/mcp" "${@:2}"; }
curl -fsS "$web/.well-known/oauth-protected-resource/mcp" | has "\"$web/mcp\"" | has "\"$idp\"" >/dev/null
mcp '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' -D "$work/refused" -o /dev/null
has 'resource_metadata=' <"$work/refused" >/dev/null
mcp '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"listObjectives","arguments":{}}}' -H "authorization: Bearer $token" | has "$objective" >/dev/null
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

echo "tried out: sign-in, REST, invitations, MCP, gRPC and watch work"
