package rest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const watchPath = "/api/v1/changes:watch"

var acceptEvents = http.Header{"Accept": {"text/event-stream"}}

// event is a server-sent event or, without a name, a heartbeat.
type event struct {
	id, name, data string
	comment        bool
}

// next reads one event.
func next(t *testing.T, lines *bufio.Scanner) event {
	t.Helper()
	var e event
	for lines.Scan() {
		line := lines.Text()
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "":
			return e
		case strings.HasPrefix(line, ":"):
			e.comment = true
		case field == "id":
			e.id = value
		case field == "event":
			e.name = value
		case field == "data":
			e.data = value
		default:
			t.Fatalf("an unexpected line: %q", line)
		}
	}
	t.Fatalf("the stream ended: %v", lines.Err())
	return e
}

// nextChange reads on to the next event that is no heartbeat.
func nextChange(t *testing.T, lines *bufio.Scanner) event {
	t.Helper()
	for {
		if e := next(t, lines); e.name != "" {
			return e
		}
	}
}

func TestEvents(t *testing.T) {
	w := start(t)
	w.store.append("before")
	resp, lines := w.open(t.Context(), ask{path: watchPath, session: "ceo-session", header: http.Header{"Accept": {"text/event-stream, */*;q=0.1"}}})
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if e := next(t, lines); !e.comment || e.id != "c1" || e.name != "" || e.data != "" {
		t.Errorf("the first event is %+v, want a heartbeat at c1", e)
	}
	w.store.append("line\nbreak")
	e := next(t, lines)
	var change struct{ Seq string }
	if err := json.Unmarshal([]byte(e.data), &change); err != nil || e.id != "c2" || e.name != "change" || change.Seq != "2" {
		t.Errorf("the event is %+v (%v)", e, err)
	}
}

func TestEventsSayWhenProposalsAreOthers(t *testing.T) {
	w := start(t)
	w.store.change(func(f *fakeStore) { f.proposals = "p1" })
	w.store.append("1")
	_, lines := w.open(t.Context(), ask{path: watchPath, session: "ceo-session", header: acceptEvents})
	_, plain := w.open(t.Context(), ask{path: watchPath, session: "ceo-session"})
	if e, want := next(t, lines), (event{id: "c1", name: "proposals", data: `{"proposalsEtag":"p1"}`}); e != want {
		t.Errorf("the first event is %+v, not %+v", e, want)
	}
	w.store.change(func(f *fakeStore) { f.proposals = "p2" })
	w.store.append("2")
	if e := next(t, lines); e.name != "change" || e.id != "c2" || strings.Contains(e.data, "proposalsEtag") {
		t.Errorf("the second event is %+v", e)
	}
	if e, want := next(t, lines), (event{id: "c2", name: "proposals", data: `{"proposalsEtag":"p2"}`}); e != want {
		t.Errorf("the third event is %+v, not %+v", e, want)
	}
	for _, want := range []string{"p1", "", "p2"} {
		var line struct {
			Result struct{ ProposalsEtag string }
		}
		if !plain.Scan() || json.Unmarshal(plain.Bytes(), &line) != nil || line.Result.ProposalsEtag != want {
			t.Fatalf("the line is %q, want %q", plain.Text(), want)
		}
	}
}

func TestABrowserThatReconnectsGoesOnWhereItWas(t *testing.T) {
	w := start(t)
	w.store.append("1", "2", "3")
	header := http.Header{"Accept": {"text/event-stream"}, "Last-Event-Id": {"c2"}}
	_, lines := w.open(t.Context(), ask{path: watchPath + "?afterCursor=c0", session: "ceo-session", header: header})
	if e := nextChange(t, lines); e.id != "c3" {
		t.Errorf("the first change is %s, want c3", e.id)
	}
}

func TestLastEventIDsThatAreNoCursors(t *testing.T) {
	w := start(t)
	for name, test := range map[string]struct{ id, reason string }{
		"with blanks":         {"c 1", "CURSOR_INVALID"},
		"not ASCII":           {"c\xc3\xa9", "CURSOR_INVALID"},
		"of nobody":           {"garbage", "CURSOR_INVALID"},
		"too long":            {strings.Repeat("c", 65), "FIELD_INVALID"},
		"with a query inside": {"c1&nope=1", "CURSOR_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			r := w.do(ask{path: watchPath, session: "ceo-session", header: http.Header{"Accept": {"text/event-stream"}, "Last-Event-Id": {test.id}}})
			w.wantFault(r, 400, test.reason)
		})
	}
}

func TestLinesOfJSON(t *testing.T) {
	w := start(t)
	w.store.append("1")
	resp, lines := w.open(t.Context(), ask{path: watchPath + "?after_cursor=c0", bearer: "reader-token"})
	if got := resp.Header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("Content-Type: %q", got)
	}
	for _, want := range []string{"c0", "c1"} {
		var line struct{ Result struct{ Cursor string } }
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &line) != nil || line.Result.Cursor != want {
			t.Fatalf("the line is %q, want the cursor %s", lines.Text(), want)
		}
	}
	w.authz.change(func(f *fakeAuthz) { f.principals = nil })
	w.store.change(func(f *fakeStore) { f.failure = status.Error(codes.Unavailable, "stopping") })
	w.store.append()
	var line map[string]fault
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &line) != nil || line["error"].Reason != "TOKEN_INVALID" || line["error"].Code != 401 {
		t.Errorf("the last line is %q", lines.Text())
	}
}

func TestAStreamIsRefusedLikeEverythingElse(t *testing.T) {
	w := start(t)
	r := w.do(ask{path: watchPath, header: acceptEvents})
	w.wantFault(r, 401, "TOKEN_MISSING")
	if r.Header.Get("WWW-Authenticate") == "" {
		t.Error("the 401 has no challenge")
	}
	w.store.change(func(f *fakeStore) {
		f.failure = rpcerr.New(codes.OutOfRange, accessv1.ErrorReason_ERROR_REASON_CURSOR_TOO_OLD, "list again")
	})
	w.wantFault(w.do(ask{path: watchPath, session: "ceo-session", header: acceptEvents}), 400, "CURSOR_TOO_OLD")
}

// TestAStreamOutlivesItsTransactionTokens changes the log while the tokens of the stream expire every few moments: the
// reader sees each change once, in order, and nothing of the seams but heartbeats.
func TestAStreamOutlivesItsTransactionTokens(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) { f.lifetime = 1200 * time.Millisecond })
	_, lines := w.open(t.Context(), ask{path: watchPath, session: "ceo-session", header: acceptEvents})
	next(t, lines)
	streams := func() (n int) {
		w.store.change(func(f *fakeStore) { n = f.watches })
		return n
	}
	seen := 0
	for streams() < 4 { // three seams
		w.store.append(fmt.Sprint(seen))
		seen++
		if e := nextChange(t, lines); e.name != "change" || e.id != fmt.Sprintf("c%d", seen) {
			t.Fatalf("change %d is %+v", seen, e)
		}
	}
}

func TestAStreamGoesOnWhenTheStoreComesBack(t *testing.T) {
	w := start(t)
	_, lines := w.open(t.Context(), ask{path: watchPath, session: "ceo-session", header: acceptEvents})
	next(t, lines)
	w.store.change(func(f *fakeStore) { f.failure = status.Error(codes.Unavailable, "restarting") })
	w.store.append("while it was away")
	w.store.change(func(f *fakeStore) { f.failure = nil })
	if e := nextChange(t, lines); e.id != "c1" || e.name != "change" {
		t.Errorf("after the restart comes %+v, want c1", e)
	}
}

func TestHowStreamsEnd(t *testing.T) {
	for _, test := range []struct {
		name   string
		alter  func(*world)
		reason string
		code   int
	}{
		{"a member who is gone", func(w *world) {
			w.authz.change(func(f *fakeAuthz) { f.principals = nil })
			w.store.change(func(f *fakeStore) {
				f.failure = rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, "expired")
			})
		}, "TOKEN_INVALID", 401},
		{"a permission that is lost", func(w *world) {
			w.authz.change(func(f *fakeAuthz) { f.principals["ceo-session"] = kittest.Member("acme", "m") })
			w.authz.change(func(f *fakeAuthz) { f.principals["ceo-session"].RolePermissions = nil })
			w.store.change(func(f *fakeStore) {
				f.failure = rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, "expired")
			})
		}, "ROLE_MISSING", 403},
		{"a log that was restored", func(w *world) {
			w.store.change(func(f *fakeStore) {
				f.failure = rpcerr.New(codes.OutOfRange, accessv1.ErrorReason_ERROR_REASON_CURSOR_TOO_OLD, "list again")
			})
		}, "CURSOR_TOO_OLD", 400},
		{"a bug", func(w *world) {
			w.store.change(func(f *fakeStore) { f.failure = status.Error(codes.Internal, "secret detail") })
		}, "", 500},
		{"authz that cannot be reached", func(w *world) {
			w.authz.change(func(f *fakeAuthz) {
				f.failure = rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE, "not now")
			})
			w.store.change(func(f *fakeStore) { f.failure = status.Error(codes.Unavailable, "restarting") })
		}, "AUTHZ_UNAVAILABLE", 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := start(t)
			_, lines := w.open(t.Context(), ask{path: watchPath, session: "ceo-session", header: acceptEvents})
			next(t, lines)
			test.alter(w)
			w.store.append()
			e := nextChange(t, lines)
			var document map[string]fault
			if err := json.Unmarshal([]byte(e.data), &document); err != nil {
				t.Fatalf("the last event is %+v: %v", e, err)
			}
			if f := document["error"]; e.name != "end" || f.Reason != test.reason || f.Code != test.code || strings.Contains(e.data, "secret") {
				t.Errorf("the last event is %+v, want end with %s", e, test.reason)
			}
			if lines.Scan() {
				t.Errorf("after the end comes %q", lines.Text())
			}
		})
	}
}

func TestStoppingEndsStreamsAndSaysSo(t *testing.T) {
	w := start(t)
	_, lines := w.open(t.Context(), ask{path: watchPath, session: "ceo-session", header: acceptEvents})
	next(t, lines)
	w.stop()
	if e := nextChange(t, lines); e.name != "end" || !strings.Contains(e.data, `"UNAVAILABLE"`) {
		t.Errorf("the last event is %+v", e)
	}
}

func TestAReaderThatLeavesLeavesNothingBehind(t *testing.T) {
	w := start(t)
	resp, lines := w.open(t.Context(), ask{path: watchPath, session: "ceo-session", header: acceptEvents})
	next(t, lines)
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(w.log.String(), `"route":"/api/v1/changes:watch"`) {
		if time.Now().After(deadline) {
			t.Fatal("the stream is still running")
		}
		time.Sleep(time.Millisecond)
	}
}
