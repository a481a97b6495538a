package rest

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAStoreThatDoesNotAnswerIsSaidWithAReason(t *testing.T) {
	const reason = "SERVICE_UNAVAILABLE"
	requests := map[string]ask{
		"a read":     {path: "/api/v1/objectives", session: "ceo-session"},
		"a write":    {method: http.MethodPost, path: "/api/v1/objectives", session: "ceo-session", body: `{"title":"Grow"}`},
		"a stream":   {path: watchPath, session: "ceo-session", header: acceptEvents},
		"by a token": {path: "/api/v1/objectives", bearer: "reader-token"},
	}
	away := start(t, func(c *Config) { c.StoreAddr = "127.0.0.1:1" })
	slow := start(t)
	slow.store.change(func(f *fakeStore) { f.failure = status.Error(codes.DeadlineExceeded, "at 127.0.0.1") })
	for name, request := range requests {
		for code, w := range map[int]*world{http.StatusServiceUnavailable: away, http.StatusGatewayTimeout: slow} {
			r := w.do(request)
			f := w.wantFault(r, code, reason)
			if len(f.Details) == 0 || strings.Contains(r.body, "127.0.0.1") {
				t.Errorf("%s gets %s", name, r.body)
			}
			if code == http.StatusServiceUnavailable && r.Header.Get("Retry-After") == "" {
				t.Errorf("%s is not told when to come back", name)
			}
		}
	}
}
