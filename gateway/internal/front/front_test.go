package front_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// serve runs a handler behind the front.
func serve(t *testing.T, handler http.HandlerFunc) (url string, log *kittest.Log) {
	t.Helper()
	log = &kittest.Log{}
	h, err := front.New(front.Config{
		Logger: telemetry.NewLogger(log, slog.LevelDebug, "test"), Registry: telemetry.NewRegistry(),
		Answer: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusInternalServerError) },
	}, handler)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(server.Close)
	return server.URL, log
}

func get(t *testing.T, url string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, err
}

func TestAPanicIsAnsweredLoggedAndCounted(t *testing.T) {
	url, log := serve(t, func(http.ResponseWriter, *http.Request) { panic("the bug") })
	resp, err := get(t, url)
	if err != nil || resp.StatusCode != http.StatusInternalServerError {
		t.Fatalf("%v, %v", resp, err)
	}
	for _, want := range []string{"the bug", "front_test.go", `"status":500`, resp.Header.Get("X-Correlation-Id")} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log)
		}
	}
}

func TestHalfAnAnswerIsNotTakenForAWholeOne(t *testing.T) {
	for name, p := range map[string]any{"a bug": "the bug", "a deliberate abort": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "half")
				_ = http.NewResponseController(w).Flush()
				panic(p)
			})
			if resp, err := get(t, url); err == nil {
				t.Errorf("the answer looks whole: %v", resp.Status)
			}
		})
	}
}

func TestWhatIsToBeDoneWhenARequestHasBeenAnsweredIsDoneOnceAndWhateverBecameOfIt(t *testing.T) {
	for name, handle := range map[string]func(){"an answer": func() {}, "a bug": func() { panic("the bug") }} {
		t.Run(name, func(t *testing.T) {
			var done []string
			var request context.Context
			url, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				request = r.Context()
				front.WhenAnswered(context.WithoutCancel(request), func() { done = append(done, "then") })
				done = append(done, "first")
				handle()
			})
			if _, err := get(t, url); err != nil {
				t.Fatal(err)
			}
			<-request.Done() // the server ends it when the handler has returned
			front.WhenAnswered(request, func() { done = append(done, "late") })
			if want := []string{"first", "then", "late"}; !slices.Equal(done, want) {
				t.Errorf("%v, want %v", done, want)
			}
		})
	}
	t.Run("outside the server", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		front.WhenAnswered(ctx, func() { close(done) })
		cancel()
		<-done
	})
}

func TestServeReportsAListenerThatFails(t *testing.T) {
	listener := kittest.Listen(t)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	err := front.Serve(t.Context(), listener, http.NotFoundHandler(), slog.New(slog.DiscardHandler), func() { stopped = true })
	if err == nil || !stopped {
		t.Errorf("%v, streams ended: %t", err, stopped)
	}
}

func TestAClientThatSendsItsHeaderSlowlyIsDropped(t *testing.T) {
	listener := kittest.Listen(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- front.Serve(ctx, listener, http.NotFoundHandler(), slog.New(slog.DiscardHandler), func() {})
	}()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nX: "); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) || err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error("the connection is still open")
	}
}
