package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
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

// served runs the administration of a service with both addresses, and answers where they are, from the log.
func served(t *testing.T, cfg AdminConfig) (addr func(what string) string, stop func() error) {
	t.Helper()
	log := &lines{}
	cfg.Registry, cfg.Logger = NewRegistry(), NewLogger(log, nil, "test")
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- ServeAdmin(ctx, cfg) }()
	addr = func(what string) string {
		for ctx.Err() == nil {
			for line := range strings.Lines(log.String()) {
				var record struct{ Msg, What, Addr string }
				if json.Unmarshal([]byte(line), &record) == nil && record.Msg == "serving" && record.What == what {
					return record.Addr
				}
			}
			time.Sleep(time.Millisecond)
		}
		return ""
	}
	return addr, func() error { cancel(); return <-stopped }
}

// lines is a log that is read while it is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

func TestMetricsAndProfilesAreServedApartUntilTheContextEnds(t *testing.T) {
	var failure error
	addr, stop := served(t, AdminConfig{
		Addr: "127.0.0.1:0", DebugAddr: ":0", Ready: func(context.Context) error { return failure },
	})
	metrics, debug := addr("metrics"), addr("profiles")
	if host, _, err := net.SplitHostPort(debug); err != nil || host != "127.0.0.1" {
		t.Errorf("without a host, profiles are served at %s", debug)
	}
	for _, test := range []struct {
		name, addr, path string
		status           int
		part             string
	}{
		{"metrics are of the process", metrics, "/metrics", 200, "go_goroutines"},
		{"and say that it is ready", metrics, "/metrics", 200, "okr_ready 1\n"},
		{"as the probe does", metrics, "/readyz", 200, "ok"},
		{"and that it lives", metrics, "/livez", 200, "ok"},
		{"no profile is among the metrics", metrics, "/debug/pprof/", 404, ""},
		{"profiles are listed", debug, "/debug/pprof/", 200, "goroutine"},
		{"and taken", debug, "/debug/pprof/heap?debug=1", 200, "heap profile"},
		{"the command line, which could hold anything, is not told", debug, "/debug/pprof/cmdline", 404, ""},
		{"no metrics are among the profiles", debug, "/metrics", 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if status, body := get(t, "http://"+test.addr+test.path); status != test.status || !strings.Contains(body, test.part) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	failure = errors.New("the disk is full")
	if _, body := get(t, "http://"+metrics+"/metrics"); !strings.Contains(body, "okr_ready 0\n") {
		t.Error("the metrics say that a service is ready that is not")
	}
	if err := stop(); err != nil {
		t.Errorf("it stopped with %v", err)
	}
}

func TestAnAdminAddress(t *testing.T) {
	ready := func(context.Context) error { return nil }
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() }) // never accepted from
	logger := slog.New(slog.DiscardHandler)
	for name, cfg := range map[string]AdminConfig{
		"of metrics":  {Addr: taken.Addr().String()},
		"of profiles": {DebugAddr: taken.Addr().String()},
	} {
		t.Run(name+" that is taken is an error", func(t *testing.T) {
			cfg.Registry, cfg.Ready, cfg.Logger = NewRegistry(), ready, logger
			if err := ServeAdmin(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "listening for") {
				t.Errorf("it ended with %v", err)
			}
		})
	}
	t.Run("that is empty serves nothing until the end", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := ServeAdmin(ctx, AdminConfig{Registry: NewRegistry(), Ready: ready, Logger: logger}); err != nil {
			t.Error(err)
		}
	})
}
