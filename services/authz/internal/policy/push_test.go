package policy_test

import (
	"context"
	"encoding/json"
	"errors"
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

// management is a server that stores a policy; put may change what it stores.
func management(t *testing.T, stored string, put func(policy string) string) policy.Management {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			var body struct{ Policy json.RawMessage }
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			stored = put(string(body.Policy))
		}
		_, _ = io.WriteString(w, `{"policy":`+stored+`}`)
	}))
	t.Cleanup(server.Close)
	return policy.Management{URL: server.URL, ProjectID: "p", HTTP: server.Client()}
}

func unchanged(p string) string { return p }

func TestNamesFromTheServerCannotForgeWhatIsShown(t *testing.T) {
	t.Parallel()
	forged := `{"custom_roles":[{"role_id":"auditor\n  + role manager: \u001b[2Jobjective: *","permissions":[]}]}`
	var out strings.Builder
	err := policy.Push{Management: management(t, forged, unchanged), Out: &out, DryRun: true}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "auditor\n") || !strings.Contains(out.String(), `auditor\n`) {
		t.Errorf("it shows %q", out.String())
	}
}

func TestNumbersThatAreNotOursKeepTheirDigits(t *testing.T) {
	t.Parallel()
	var sent string
	m := management(t, `{"custom_limits":9007199254740993}`, func(p string) string { sent = p; return p })
	if err := (policy.Push{Management: m, Out: io.Discard, Yes: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(sent, "9007199254740993") {
		t.Errorf("it sent %s", sent)
	}
}

func TestWhatIsReadBackHasToBeWhatWasWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		put  func(string) string
		want string // in the error; "" for none
	}{
		"as it was written": {unchanged, ""},
		"with its lists in another order": {func(p string) string {
			return strings.Replace(p, `"read","update"`, `"update","read"`, 1)
		}, ""},
		"without a field that is not ours": {func(p string) string {
			return strings.Replace(p, `"custom_limits":7,`, "", 1)
		}, "custom_limits"},
		"with more power for every member": {func(p string) string {
			before, member, _ := strings.Cut(p, `"stytch_member":`)
			return before + `"stytch_member":` + strings.Replace(member, `"permissions":[`,
				`"permissions":[{"resource_id":"stytch.member","actions":["*"]},`, 1)
		}, "stytch_member"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var touched bool
			m := management(t, `{"custom_limits":7}`, func(p string) string {
				changed := test.put(p)
				touched = changed != p
				return changed
			})
			err := policy.Push{Management: m, Out: io.Discard, Yes: true}.Run(t.Context())
			if name != "as it was written" && !touched {
				t.Fatal("the server stored what it was sent: the case tests nothing")
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCancelingEndsTheQuestion(t *testing.T) {
	t.Parallel()
	in, unanswered := io.Pipe()
	defer unanswered.Close()
	ctx, cancel := context.WithCancel(t.Context())
	asked := writer(func(p []byte) {
		if strings.Contains(string(p), "[y/N]") {
			cancel()
		}
	})
	m := management(t, `{}`, func(p string) string { t.Error("it was written"); return p })
	if err := (policy.Push{Management: m, Out: asked, In: in, Ask: true}).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}
