package telemetry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadinessIsAboutTheServiceAndLivenessAboutTheProcess(t *testing.T) {
	var failure error
	probes := Probes(func(context.Context) error { return failure })
	for _, test := range []struct {
		name         string
		failure      error
		method, path string
		code         int
		body         string
	}{
		{"a service that works is ready", nil, "GET", "/readyz", 200, `"status":"ok"`},
		{"and alive", nil, "GET", "/livez", 200, `"status":"ok"`},
		{"one that does not work is not ready and says why", errors.New("the disk is full"), "GET", "/readyz", 503, "the disk is full"},
		{"and still alive: a restart would not help", errors.New("the disk is full"), "GET", "/livez", 200, `"status":"ok"`},
		{"probes are read, not written", nil, "POST", "/readyz", 405, ""},
		{"there is nothing else", nil, "GET", "/debug/pprof", 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			failure = test.failure
			recorder := httptest.NewRecorder()
			probes.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), test.method, test.path, http.NoBody))
			if recorder.Code != test.code || !strings.Contains(recorder.Body.String(), test.body) {
				t.Errorf("%d %s", recorder.Code, recorder.Body)
			}
			if test.code != 405 && test.code != 404 && recorder.Header().Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
		})
	}
}

func TestMetricsAreServedUntilTheContextEnds(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() {
		stopped <- serveAdmin(ctx, listener, NewRegistry(), func(context.Context) error { return nil })
	}()
	for path, part := range map[string]string{"/metrics": "go_goroutines", "/readyz": "ok", "/livez": "ok"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusOK || !strings.Contains(string(body), part) {
			t.Errorf("%s: %s %s", path, response.Status, body)
		}
	}
	stop()
	if err := <-stopped; err != nil {
		t.Errorf("it stopped with %v", err)
	}
}

func TestAnAdminAddress(t *testing.T) {
	ready := func(context.Context) error { return nil }
	t.Run("that is taken is an error", func(t *testing.T) {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() }) // never accepted from
		if err := ServeAdmin(t.Context(), listener.Addr().String(), NewRegistry(), ready); err == nil {
			t.Error("it was served")
		}
	})
	t.Run("that is empty serves nothing until the end", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := ServeAdmin(ctx, "", NewRegistry(), ready); err != nil {
			t.Error(err)
		}
	})
}
