package policy_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
)

func TestPushAsksBeforeItWrites(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{
		"y\n": true, "Y\n": true, "yes\n": true, " yes \n": true, "y": true,
		"\n": false, "": false, "n\n": false, "no\n": false, "yep\n": false, "\ny\n": false,
	} {
		t.Run(strings.TrimSpace(answer), func(t *testing.T) {
			t.Parallel()
			stored := `{}`
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut {
					var body struct{ Policy json.RawMessage }
					if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
						t.Error(err)
					}
					stored = string(body.Policy)
				}
				_, _ = io.WriteString(w, `{"policy":`+stored+`}`)
			}))
			defer server.Close()
			var out strings.Builder
			err := policy.Push{
				Management: policy.Management{URL: server.URL, ProjectID: "p", HTTP: server.Client()},
				Out:        &out, In: strings.NewReader(answer), Ask: true,
			}.Run(t.Context())
			if (err == nil) != want || (stored != `{}`) != want {
				t.Errorf("got %v, stored %s", err, stored)
			}
			if !strings.Contains(out.String(), "[y/N]") {
				t.Errorf("it did not ask:\n%s", out.String())
			}
		})
	}
}
