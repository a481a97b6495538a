package rest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

func TestWhatTheGatewayWouldGuessIsRefused(t *testing.T) {
	w := start(t)
	const objectives = "/api/v1/objectives"
	const one = objectives + "/" + knownID
	const attainment = "/api/v1/keyResults/kr_1:setAttainment"
	for _, test := range []struct {
		name   string
		ask    ask
		status int
		reason string
	}{
		{"an unknown field", ask{method: "POST", path: objectives, body: `{"title":"a","nope":1}`}, 400, "REQUEST_MALFORMED"},
		{"a field given twice", ask{method: "POST", path: objectives, body: `{"title":"a","title":"b"}`}, 400, "REQUEST_MALFORMED"},
		{"a field given in both spellings", ask{method: "PATCH", path: one, body: `{"createTime":"2026-01-01T00:00:00Z","create_time":"2026-01-01T00:00:00Z"}`}, 400, "REQUEST_MALFORMED"},
		{"a second JSON value", ask{method: "POST", path: objectives, body: `{"title":"a"} {"title":"b"}`}, 400, "REQUEST_MALFORMED"},
		{"garbage after the JSON value", ask{method: "POST", path: objectives, body: `{"title":"a"}]`}, 400, "REQUEST_MALFORMED"},
		{"truncated JSON", ask{method: "POST", path: objectives, body: `{"title":"a`}, 400, "REQUEST_MALFORMED"},
		{"the word null", ask{method: "POST", path: objectives, body: `null`}, 400, "REQUEST_MALFORMED"},
		{"a bare word", ask{method: "POST", path: objectives, body: `nope`}, 400, "REQUEST_MALFORMED"},
		{"a list", ask{method: "POST", path: objectives, body: `[]`}, 400, "REQUEST_MALFORMED"},
		{"blanks for a body", ask{method: "POST", path: objectives, body: "  \n"}, 400, "REQUEST_MALFORMED"},
		{"an object where a text belongs", ask{method: "POST", path: objectives, body: `{"title":{"a":1}}`}, 400, "REQUEST_MALFORMED"},
		{"a text that is not UTF-8", ask{method: "POST", path: objectives, body: "{\"title\":\"\xff\"}"}, 400, "REQUEST_MALFORMED"},
		{"an empty object", ask{method: "POST", path: objectives, body: `{}`}, 400, "FIELD_INVALID"},
		{"an empty title", ask{method: "POST", path: objectives, body: `{"title":""}`}, 400, "FIELD_INVALID"},
		{"a title with NUL", ask{method: "POST", path: objectives, body: `{"title":"a\u0000b"}`}, 400, "FIELD_INVALID"},
		{"no body where one is needed", ask{method: "POST", path: objectives, kind: "application/json"}, 400, "FIELD_INVALID"},
		{"no body and no content type", ask{method: "POST", path: attainment}, 400, "FIELD_INVALID"},
		{"a title of 500 kB", ask{method: "POST", path: objectives, body: `{"title":"` + strings.Repeat("x", 500_000) + `"}`}, 400, "FIELD_INVALID"},
		{"a body over the limit", ask{method: "POST", path: objectives, body: `{"title":"` + strings.Repeat("x", 1<<20) + `"}`}, 413, "BODY_TOO_LARGE"},
		{"a body where none belongs", ask{method: "DELETE", path: one, body: `{}`}, 400, "REQUEST_MALFORMED"},
		{"a body with GET", ask{path: objectives, body: `{}`}, 400, "REQUEST_MALFORMED"},
		{"text/plain, which any page's form can send", ask{method: "POST", path: objectives, kind: "text/plain", body: `{"title":"a"}`}, 415, "CONTENT_TYPE_UNSUPPORTED"},
		{"a form", ask{method: "POST", path: objectives, kind: "application/x-www-form-urlencoded", body: `title=a`}, 415, "CONTENT_TYPE_UNSUPPORTED"},
		{"no content type", ask{method: "POST", path: objectives, kind: "-", body: `{"title":"a"}`}, 415, "CONTENT_TYPE_UNSUPPORTED"},
		{"the content type of events", ask{method: "POST", path: objectives, kind: "text/event-stream", body: `{"title":"a"}`}, 415, "CONTENT_TYPE_UNSUPPORTED"},
		{"another charset", ask{method: "POST", path: objectives, kind: "application/json; charset=latin1", body: `{"title":"a"}`}, 415, "CONTENT_TYPE_UNSUPPORTED"},
		{"a compressed body", ask{method: "POST", path: objectives, body: `{"title":"a"}`, header: http.Header{"Content-Encoding": {"gzip"}}}, 415, "CONTENT_TYPE_UNSUPPORTED"},
		{"two content types", ask{method: "POST", path: objectives, kind: "-", body: `{"title":"a"}`, header: http.Header{"Content-Type": {"application/json", "text/plain"}}}, 415, "CONTENT_TYPE_UNSUPPORTED"},

		{"an attainment of 1000", ask{method: "POST", path: attainment, body: `{"attainment":1000}`}, 400, "FIELD_INVALID"},
		{"an attainment of -5", ask{method: "POST", path: attainment, body: `{"attainment":-5}`}, 400, "FIELD_INVALID"},
		{"an attainment that is a word", ask{method: "POST", path: attainment, body: `{"attainment":"abc"}`}, 400, "REQUEST_MALFORMED"},
		{"half a percent", ask{method: "POST", path: attainment, body: `{"attainment":50.5}`}, 400, "REQUEST_MALFORMED"},
		{"an attainment of 1e308", ask{method: "POST", path: attainment, body: `{"attainment":1e308}`}, 400, "REQUEST_MALFORMED"},
		{"an attainment of true", ask{method: "POST", path: attainment, body: `{"attainment":true}`}, 400, "REQUEST_MALFORMED"},
		{"an attainment of null", ask{method: "POST", path: attainment, body: `{"attainment":null}`}, 400, "FIELD_INVALID"},
		{"no attainment", ask{method: "POST", path: attainment, body: `{}`}, 400, "FIELD_INVALID"},

		{"an unknown query parameter", ask{path: objectives + "?nope=1"}, 400, "REQUEST_MALFORMED"},
		{"one where the path binds everything", ask{path: one + "?nope=1"}, 400, "REQUEST_MALFORMED"},
		{"one where the body binds everything", ask{method: "POST", path: attainment + "?attainment=1", body: `{"attainment":2}`}, 400, "REQUEST_MALFORMED"},
		{"one that the path binds already", ask{path: one + "?objectiveId=okr_x"}, 400, "REQUEST_MALFORMED"},
		{"one that the body binds already", ask{method: "PATCH", path: one + "?objective.title=b", body: `{"title":"a"}`}, 400, "REQUEST_MALFORMED"},
		{"a query parameter given twice", ask{path: objectives + "?pageSize=1&pageSize=2"}, 400, "REQUEST_MALFORMED"},
		{"a query parameter in both spellings", ask{path: objectives + "?pageSize=1&page_size=2"}, 400, "REQUEST_MALFORMED"},
		{"a page size that is a word", ask{path: objectives + "?pageSize=abc"}, 400, "REQUEST_MALFORMED"},
		{"a page size below 0", ask{path: objectives + "?pageSize=-1"}, 400, "FIELD_INVALID"},
		{"a query that is not UTF-8", ask{path: objectives + "?pageToken=%ff"}, 400, "REQUEST_MALFORMED"},
		{"a query that cannot be parsed", ask{path: objectives + "?a;b"}, 400, "REQUEST_MALFORMED"},
		{"a map's syntax in the query", ask{path: objectives + "?pageSize[a]=1"}, 400, "REQUEST_MALFORMED"},

		{"an unknown id", ask{path: objectives + "/okr_nope"}, 404, "OBJECTIVE_NOT_FOUND"},
		{"deleting an unknown id", ask{method: "DELETE", path: objectives + "/okr_nope"}, 404, "OBJECTIVE_NOT_FOUND"},
		{"an id of 60 kB", ask{path: objectives + "/" + strings.Repeat("x", 60_000)}, 400, "FIELD_INVALID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.ask.session = "ceo-session"
			w := *w
			w.t = t
			w.wantFault(w.do(test.ask), test.status, test.reason)
		})
	}
}

func TestAddressesThatDoNotExist(t *testing.T) {
	w := start(t)
	for _, test := range []struct {
		name, method, path string
		status             int
		reason, allow      string
	}{
		{"an unknown address under /api", "GET", "/api/v1/nope", 404, "ROUTE_NOT_FOUND", ""},
		{"/api itself", "GET", "/api", 404, "ROUTE_NOT_FOUND", ""},
		{"another version", "POST", "/api/v2/objectives", 404, "ROUTE_NOT_FOUND", ""},
		{"an unknown address under /.well-known", "GET", "/.well-known/nope", 404, "ROUTE_NOT_FOUND", ""},
		{"a slash at the end", "GET", "/api/v1/objectives/", 404, "ROUTE_NOT_FOUND", ""},
		{"two slashes", "GET", "/api//v1/objectives", 404, "ROUTE_NOT_FOUND", ""},
		{"a way out and in again", "GET", "/api/v1/session/../objectives", 404, "ROUTE_NOT_FOUND", ""},
		{"the same in disguise", "GET", "/api/v1/session/%2e%2e/objectives", 404, "ROUTE_NOT_FOUND", ""},
		{"a slash in disguise", "GET", "/api/v1%2Fobjectives", 404, "ROUTE_NOT_FOUND", ""},
		{"a slash in disguise in an id", "GET", "/api/v1/objectives/okr_a%2FkeyResults", 404, "ROUTE_NOT_FOUND", ""},
		{"bytes that are not UTF-8", "GET", "/api/v1/objectives/%ff", 404, "ROUTE_NOT_FOUND", ""},
		{"capital letters", "GET", "/API/v1/objectives", 404, "", ""},
		{"PUT", "PUT", "/api/v1/objectives", 405, "METHOD_NOT_ALLOWED", "GET, HEAD, OPTIONS, POST"},
		{"PUT on one", "PUT", "/api/v1/objectives/okr_1", 405, "METHOD_NOT_ALLOWED", "DELETE, GET, HEAD, OPTIONS, PATCH"},
		{"an unknown verb", "POST", "/api/v1/objectives/okr_1:nope", 405, "METHOD_NOT_ALLOWED", "DELETE, GET, HEAD, OPTIONS, PATCH"},
		{"GET on a verb", "GET", "/api/v1/session:refresh", 405, "METHOD_NOT_ALLOWED", "OPTIONS, POST"},
		{"an invented method", "BREW", "/api/v1/objectives", 405, "METHOD_NOT_ALLOWED", "GET, HEAD, OPTIONS, POST"},
		{"TRACE", "TRACE", "/api/v1/objectives", 405, "METHOD_NOT_ALLOWED", "GET, HEAD, OPTIONS, POST"},
		{"HEAD on a stream", "HEAD", "/api/v1/changes:watch", 405, "", "GET, OPTIONS"},
		{"the description by POST", "POST", "/api/v1/openapi.json", 404, "ROUTE_NOT_FOUND", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := *w
			w.t = t
			r := w.do(ask{method: test.method, path: test.path, session: "ceo-session"})
			if r.StatusCode != test.status || r.Header.Get("Allow") != test.allow {
				t.Errorf("status %d, Allow %q; want %d, %q", r.StatusCode, r.Header.Get("Allow"), test.status, test.allow)
			}
			if test.reason != "" {
				w.wantFault(r, test.status, test.reason)
			}
		})
	}
}

func TestAQueryParameterThatCannotBeReadIsNamedWithWhatItMayBe(t *testing.T) {
	w := start(t)
	for query, want := range map[string]string{
		"objectives?pageSize=1e999":                            `the query parameter "pageSize" is not a whole number that fits`,
		"objectives?page_size=999999999999":                    `the query parameter "page_size" is not a whole number that fits`,
		"objectives?text=a&pageTokens=maybe":                   `the query parameter "pageTokens" is not true or false`,
		"objectives?states=OBJECTIVE_STATE_ACTIVE&states=OPEN": `the query parameter "states" is not one of OBJECTIVE_STATE_UNSPECIFIED, OBJECTIVE_STATE_ACTIVE, OBJECTIVE_STATE_CLOSED, OBJECTIVE_STATE_ARCHIVED`,
		"changes?startTime=yesterday":                          `the query parameter "startTime" is not a time such as "2026-07-01T09:00:00Z"`,
	} {
		r := w.do(ask{path: "/api/v1/" + query, session: "ceo-session"})
		if got := w.wantFault(r, 400, "REQUEST_MALFORMED"); got.Message != want {
			t.Errorf("%s: %q, want %q", query, got.Message, want)
		}
	}
}

func TestABodyWithHalfOfACharacterIsToldWhichHalf(t *testing.T) {
	w := start(t)
	r := w.do(ask{method: "POST", path: "/api/v1/objectives", body: `{"title":"cut off \ud83c"}`, session: "ceo-session"})
	const want = `the body has half of a surrogate pair, \ud83c, which is no character`
	if got := w.wantFault(r, 400, "REQUEST_MALFORMED"); got.Message != want {
		t.Errorf("%q, want %q", got.Message, want)
	}
}

func TestOptionsTellsWhatAnAddressTakesAndAllowsNoOtherOrigin(t *testing.T) {
	w := start(t)
	r := w.do(ask{method: "OPTIONS", path: "/api/v1/objectives", header: http.Header{
		"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"POST"},
	}})
	if r.StatusCode != http.StatusNoContent || r.Header.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("status %d, Allow %q", r.StatusCode, r.Header.Get("Allow"))
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("the answer has the header %s", name)
		}
	}
	w.wantFault(w.do(ask{method: "OPTIONS", path: "/api/v1/nope"}), 404, "ROUTE_NOT_FOUND")
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	w := start(t)
	r := w.do(ask{method: "HEAD", path: "/api/v1/objectives/" + knownID, session: "ceo-session"})
	if r.StatusCode != http.StatusOK || r.body != "" || r.Header.Get("ETag") != `"etag-1"` {
		t.Errorf("status %d, ETag %q, body %q", r.StatusCode, r.Header.Get("ETag"), r.body)
	}
}

func TestAnswersOfChanges(t *testing.T) {
	w := start(t)
	r := w.do(ask{method: "POST", path: "/api/v1/objectives?requestId=r1", kind: "application/json; charset=UTF-8", body: `{"title":"Grow"}`, session: "ceo-session"})
	if r.StatusCode != http.StatusCreated || r.Header.Get("Location") != "/api/v1/objectives/"+knownID || r.Header.Get("ETag") != `"etag-1"` {
		t.Errorf("a creation: status %d, Location %q, ETag %q: %s", r.StatusCode, r.Header.Get("Location"), r.Header.Get("ETag"), r.body)
	}
	var objective map[string]any
	if err := json.Unmarshal([]byte(r.body), &objective); err != nil {
		t.Fatal(err)
	}
	if list, ok := objective["keyResults"].([]any); !ok || len(list) != 0 {
		t.Errorf("an empty list is %v, want []", objective["keyResults"])
	}
	if _, ok := objective["progress"]; ok {
		t.Error("a progress that is absent is there")
	}
	if request, _ := w.store.last(); request.(*okrv1.CreateObjectiveRequest).GetRequestId() != "r1" {
		t.Errorf("the store got %v", request)
	}

	r = w.do(ask{method: "POST", path: "/api/v1/objectives/" + knownID + "/keyResults", body: `{"title":"x"}`, session: "ceo-session"})
	if r.StatusCode != http.StatusCreated || r.Header.Get("Location") != "/api/v1/keyResults/kr_1" {
		t.Errorf("a key result: status %d, Location %q", r.StatusCode, r.Header.Get("Location"))
	}
	r = w.do(ask{method: "DELETE", path: "/api/v1/objectives/" + knownID, session: "ceo-session"})
	if r.StatusCode != http.StatusNoContent || r.body != "" || r.Header.Get("Content-Type") != "" {
		t.Errorf("a deletion: status %d, type %q, body %q", r.StatusCode, r.Header.Get("Content-Type"), r.body)
	}
	r = w.do(ask{path: "/api/v1/changes", session: "ceo-session"})
	if !strings.Contains(strings.ReplaceAll(r.body, " ", ""), `"seq":"7"`) {
		t.Errorf("a 64-bit number is not a string: %s", r.body)
	}
	r = w.do(ask{method: "PATCH", path: "/api/v1/objectives/" + knownID + "?updateMask=title", body: `{"title":"b"}`, session: "ceo-session"})
	if r.StatusCode != http.StatusOK {
		t.Errorf("an update: status %d: %s", r.StatusCode, r.body)
	}
	request, _ := w.store.last()
	if got := request.(*okrv1.UpdateObjectiveRequest); got.GetObjective().GetId() != knownID || strings.Join(got.GetUpdateMask().GetPaths(), ",") != "title" {
		t.Errorf("the store got %v", got)
	}
}

func TestIfMatch(t *testing.T) {
	w := start(t)
	const one = "/api/v1/objectives/" + knownID
	for _, test := range []struct {
		name         string
		ask          ask
		ifMatch      []string
		status       int
		reason, etag string // etag: what reaches the store
	}{
		{"the current etag", ask{method: "DELETE", path: one}, []string{`"etag-1"`}, 204, "", "etag-1"},
		{"any etag", ask{method: "DELETE", path: one}, []string{"*"}, 204, "", ""},
		{"a stale one", ask{method: "DELETE", path: one}, []string{`"old"`}, 412, "ETAG_MISMATCH", "old"},
		{"a weak one never matches", ask{method: "DELETE", path: one}, []string{`W/"etag-1"`}, 412, "ETAG_MISMATCH", "W/etag-1"},
		{"in a PATCH", ask{method: "PATCH", path: one, body: `{"title":"b"}`}, []string{`"old"`}, 412, "ETAG_MISMATCH", "old"},
		{"absence comes before it", ask{method: "DELETE", path: "/api/v1/objectives/okr_nope"}, []string{`"old"`}, 404, "OBJECTIVE_NOT_FOUND", "old"},
		{"a stale etag in the query is 409", ask{method: "DELETE", path: one + "?etag=old"}, nil, 409, "ETAG_MISMATCH", "old"},
		{"a stale etag in the body is 409", ask{method: "PATCH", path: one, body: `{"title":"b","etag":"old"}`}, nil, 409, "ETAG_MISMATCH", "old"},
		{"the same etag twice", ask{method: "DELETE", path: one + "?etag=etag-1"}, []string{`"etag-1"`}, 204, "", "etag-1"},
		{"two etags that differ", ask{method: "DELETE", path: one + "?etag=old"}, []string{`"etag-1"`}, 400, "REQUEST_MALFORMED", ""},
		{"a list", ask{method: "DELETE", path: one}, []string{`"etag-1", "b"`}, 400, "REQUEST_MALFORMED", ""},
		{"two headers", ask{method: "DELETE", path: one}, []string{`"etag-1"`, `"b"`}, 400, "REQUEST_MALFORMED", ""},
		{"no quotes", ask{method: "DELETE", path: one}, []string{"etag-1"}, 400, "REQUEST_MALFORMED", ""},
		{"an empty etag", ask{method: "DELETE", path: one}, []string{`""`}, 400, "REQUEST_MALFORMED", ""},
		{"a creation", ask{method: "POST", path: "/api/v1/objectives", body: `{"title":"a"}`}, []string{`"etag-1"`}, 400, "REQUEST_MALFORMED", ""},
		{"a very long etag", ask{method: "DELETE", path: one}, []string{`"` + strings.Repeat("x", 65) + `"`}, 400, "FIELD_INVALID", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := *w
			w.t = t
			w.store.change(func(f *fakeStore) { f.request = nil })
			test.ask.session = "ceo-session"
			if test.ifMatch != nil {
				test.ask.header = http.Header{"If-Match": test.ifMatch}
			}
			r := w.do(test.ask)
			if test.reason != "" {
				w.wantFault(r, test.status, test.reason)
			} else if r.StatusCode != test.status {
				t.Errorf("status %d, want %d: %s", r.StatusCode, test.status, r.body)
			}
			request, _ := w.store.last()
			if got := etagOf(request); got != test.etag {
				t.Errorf("the store got the etag %q, want %q", got, test.etag)
			}
		})
	}
}

func etagOf(request proto.Message) string {
	switch r := request.(type) {
	case *okrv1.DeleteObjectiveRequest:
		return r.GetEtag()
	case *okrv1.UpdateObjectiveRequest:
		return r.GetObjective().GetEtag()
	}
	return ""
}

func TestTheGatewaysBackDoorsAreShut(t *testing.T) {
	w := start(t)
	r := w.do(ask{method: "POST", path: "/api/v1/objectives/" + knownID, body: `{}`, session: "ceo-session", header: http.Header{"X-Http-Method-Override": {"DELETE"}}})
	w.wantFault(r, 405, "METHOD_NOT_ALLOWED")
	r = w.do(ask{method: "POST", path: "/api/v1/objectives/" + knownID, kind: "application/x-www-form-urlencoded", body: "a=b", session: "ceo-session"})
	w.wantFault(r, 405, "METHOD_NOT_ALLOWED")
	r = w.do(ask{path: "/api/v1/objectives", session: "ceo-session", header: http.Header{
		"Grpc-Timeout":                 {"1n"},
		"Grpc-Metadata-Txn-Token":      {"txn-0"},
		"Grpc-Metadata-Authorization":  {"Bearer x"},
		"Grpc-Metadata-X-Bin":          {"%%%"},
		"Txn-Token":                    {"txn-0"},
		"Edge-Key":                     {"mine"},
		"X-Forwarded-For":              {"10.0.0.1"},
		"X-Forwarded-Host":             {"evil.example"},
		"Te":                           {"trailers"},
		"X-Correlation-Id":             {"mine-1"},
		"Grpcgateway-Authorization":    {"Bearer x"},
		"Grpc-Metadata-Session-Token":  {"ceo-session"},
		"Grpc-Metadata-Correlation-Id": {"x"},
	}})
	if r.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", r.StatusCode, r.body)
	}
	_, md := w.store.last()
	for name, values := range md {
		switch name {
		case "txn-token", "x-correlation-id", ":authority", "content-type", "user-agent", "grpc-accept-encoding", "grpc-timeout":
		default:
			t.Errorf("the store got the metadata %s: %q", name, values)
		}
	}
	if got := md.Get("txn-token"); len(got) != 1 {
		t.Errorf("the store got the transaction tokens %q", got)
	}
	if got := md.Get("x-correlation-id"); len(got) != 1 || got[0] != "mine-1" || r.Header.Get("X-Correlation-Id") != "mine-1" {
		t.Errorf("correlation ids: %q in the store, %q in the answer", got, r.Header.Get("X-Correlation-Id"))
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "Grpc-") || name == "Trailer" {
			t.Errorf("the answer has the header %s", name)
		}
	}
}

func TestACorrelationIDThatCouldForgeALogIsReplaced(t *testing.T) {
	w := start(t)
	r := w.do(ask{path: "/api/v1/nope", header: http.Header{"X-Correlation-Id": {"a\tlevel=ERROR"}}})
	if id := r.Header.Get("X-Correlation-Id"); id == "" || strings.Contains(id, "level") {
		t.Errorf("the correlation id is %q", id)
	}
}

func TestFailuresOfServicesSayNothingOfTheInside(t *testing.T) {
	t.Run("a bug gives a number and no detail", func(t *testing.T) {
		w := start(t)
		w.store.change(func(f *fakeStore) { f.panics = true })
		f := w.wantFault(w.do(ask{path: "/api/v1/objectives", session: "ceo-session", header: http.Header{"X-Correlation-Id": {"id-1"}}}), 500, "")
		if f.Message != "internal error" || len(f.Details) != 1 || f.Details[0]["requestId"] != "id-1" {
			t.Errorf("the error is %+v", f)
		}
	})
	t.Run("too many calls say when to come back", func(t *testing.T) {
		w := start(t)
		w.store.change(func(f *fakeStore) {
			f.failure = rpcerr.New(codes.ResourceExhausted, accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED, "too many").RetryAfter(2_500_000_000)
		})
		r := w.do(ask{path: "/api/v1/objectives", session: "ceo-session"})
		w.wantFault(r, 429, "RATE_LIMITED")
		if got := r.Header.Get("Retry-After"); got != "3" {
			t.Errorf("Retry-After: %q, want 3", got)
		}
	})
}
