package forward

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
)

// patience bounds what would otherwise wait for ever when it fails.
const patience = 30 * time.Second

// readTimeout is how long a request may take to arrive.
const readTimeout = time.Second

// start serves a handler as the MCP edge and answers the address of a forwarder before it.
func start(t *testing.T, edge http.HandlerFunc, change ...func(*handler)) string {
	t.Helper()
	behind := httptest.NewServer(edge)
	t.Cleanup(behind.Close)
	logger := slog.New(slog.DiscardHandler)
	h, ok := New(Config{
		Addr: behind.Listener.Addr().String(), BodyLimit: 1 << 20, Stopping: context.Background(), Logger: logger,
		Problem: problem.Writer{Logger: logger},
	}).(*handler)
	if !ok {
		t.Fatal("the handler is of another type")
	}
	for _, c := range change {
		c(h)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.ReadTimeout = readTimeout
	server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(failing{t}, nil), slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// failing is a log in which there is to be nothing: net/http tells of panics there.
type failing struct{ t *testing.T }

func (f failing) Write(line []byte) (int, error) {
	f.t.Errorf("the server says: %s", line)
	return len(line), nil
}

func send(ctx context.Context, t *testing.T, address string, body io.Reader, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/mcp", body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestABodyIsStillReadWhileItsAnswerIsWritten(t *testing.T) {
	address := start(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.WriteString(w, "begun\n")
		_ = http.NewResponseController(w).Flush()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			_, _ = io.WriteString(w, err.Error()+"\n")
			return
		}
		_, _ = io.WriteString(w, string(body)+"\n")
	})
	body, more := io.Pipe()
	ctx := bounded(t)
	defer context.AfterFunc(ctx, func() { _ = more.CloseWithError(ctx.Err()) })()
	go func() { _, _ = io.WriteString(more, "the beginning") }()
	lines := bufio.NewScanner(send(ctx, t, address, body, nil).Body)
	if !lines.Scan() || lines.Text() != "begun" {
		t.Fatalf("the answer begins with %q, %v", lines.Text(), lines.Err())
	}
	if _, err := io.WriteString(more, " and the end"); err != nil {
		t.Fatalf("the body is not read any more: %v", err)
	}
	if err := more.Close(); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "the beginning and the end" {
		t.Errorf("the edge read %q, %v", lines.Text(), lines.Err())
	}
}

func TestEventsAreHandedOnOneByOne(t *testing.T) {
	next := make(chan string)
	address := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for event := range next {
			_, _ = io.WriteString(w, "data: "+event+"\n\n")
			_ = http.NewResponseController(w).Flush()
		}
	})
	defer close(next)
	go func() { next <- "1" }()
	resp := send(bounded(t), t, address, strings.NewReader("{}"), nil)
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{"data: 1", "", "data: 2", ""} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("%q, %v, not %q", lines.Text(), lines.Err(), want)
		}
		if want == "data: 1" {
			next <- "2" // which the edge says only now that the first has been read
		}
	}
}

func TestCookiesAndHeadersOfOneConnectionStayWhereTheyAre(t *testing.T) {
	var seen http.Header
	address := start(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		header := w.Header()
		header.Add("Set-Cookie", "okr_session=planted; Path=/")
		header.Add("Set-Cookie", "other=planted")
		header.Set("Connection", "X-Private")
		header.Set("X-Private", "of the edge")
		header.Set("Keep-Alive", "timeout=5")
		header.Set("Mcp-Session-Id", "stays")
	})
	resp := send(bounded(t), t, address, strings.NewReader("{}"), http.Header{
		"Cookie": {"okr_session=mine"}, "Connection": {"X-Secret, Keep-Alive"}, "X-Secret": {"of the client"}, "Keep-Alive": {"timeout=5"},
		"Te": {"trailers"}, "Proxy-Authorization": {"Basic eDp5"}, "X-Forwarded-For": {"192.0.2.1"}, "Forwarded": {"for=192.0.2.1"},
		"Mcp-Session-Id": {"stays"}, "Last-Event-Id": {"7"},
	})
	for name := range seen {
		if slices.Contains([]string{"Cookie", "Connection", "X-Secret", "Keep-Alive", "Proxy-Authorization", "X-Forwarded-For", "Forwarded"}, name) {
			t.Errorf("the edge sees %s", name)
		}
	}
	if seen.Get("Mcp-Session-Id") != "stays" || seen.Get("Last-Event-Id") != "7" {
		t.Errorf("the edge sees %v", seen)
	}
	for _, name := range []string{"Set-Cookie", "X-Private", "Keep-Alive", "Connection"} {
		if resp.Header.Get(name) != "" {
			t.Errorf("the client sees %s: %s", name, resp.Header.Get(name))
		}
	}
	if resp.Header.Get("Mcp-Session-Id") != "stays" {
		t.Errorf("the client sees %v", resp.Header)
	}
}

func TestAClientThatIsGoneTakesItsRequestBack(t *testing.T) {
	for name, answers := range map[string]bool{"before an answer": false, "in the middle of one": true} {
		t.Run(name, func(t *testing.T) {
			entered, left := make(chan struct{}), make(chan struct{})
			address := start(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body) // the server looks after the connection once the body has been read
				if answers {
					w.Header().Set("Content-Type", "text/event-stream")
					_ = http.NewResponseController(w).Flush()
				}
				close(entered)
				select {
				case <-r.Context().Done():
					close(left)
				case <-t.Context().Done():
				}
			})
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/mcp", strings.NewReader("{}"))
				if err != nil {
					t.Error(err)
					return
				}
				if resp, err := http.DefaultClient.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body) // until the client is gone
					_ = resp.Body.Close()
				}
			}()
			<-entered
			leave()
			select {
			case <-left:
			case <-bounded(t).Done():
				t.Error("the edge still works for a client that is gone")
			}
		})
	}
}

func TestAnEdgeThatDoesNotAnswerIsNotAvailable(t *testing.T) {
	release := make(chan struct{})
	for name, test := range map[string]struct {
		edge   http.HandlerFunc
		change func(*handler)
	}{
		"nobody listens": {nil, func(h *handler) { h.Addr = "127.0.0.1:1" }},
		"it hangs up":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, func(*handler) {}},
		"it hangs": {func(http.ResponseWriter, *http.Request) {
			select {
			case <-release:
			case <-t.Context().Done():
			}
		}, func(h *handler) {
			h.transport.(*http.Transport).ResponseHeaderTimeout = 50 * time.Millisecond //nolint:forcetypeassert // New made it
		}},
	} {
		t.Run(name, func(t *testing.T) {
			address := start(t, test.edge, test.change)
			resp := send(bounded(t), t, address, strings.NewReader("{}"), nil)
			if name == "it hangs" {
				close(release)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Content-Type") != "application/json" ||
				!strings.Contains(string(body), `"status":"UNAVAILABLE"`) || strings.Contains(string(body), "127.0.0.1") {
				t.Errorf("%d %s %s, %v", resp.StatusCode, resp.Header, body, err)
			}
		})
	}
}

// Neither is told as a failure of the edge, or whoever sends such requests would call the operator.
func TestABodyThatDoesNotComeToItsEndIsTheClientsFault(t *testing.T) {
	address := start(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) }, func(h *handler) {
		h.BodyLimit = 100
	})
	for name, test := range map[string]struct {
		length int
		rest   func(conn *net.TCPConn) error
		status int
		reason string
	}{
		"it breaks off":    {100, (*net.TCPConn).CloseWrite, http.StatusBadRequest, "REQUEST_MALFORMED"},
		"it stops":         {100, func(*net.TCPConn) error { return nil }, http.StatusBadRequest, "REQUEST_MALFORMED"},
		"it does not stop": {1000, func(c *net.TCPConn) error { _, err := c.Write(make([]byte, 900)); return err }, http.StatusRequestEntityTooLarge, "BODY_TOO_LARGE"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: okr\r\nContent-Length: %d\r\n\r\nthe beginning", test.length)
			if err := errors.Join(err, test.rest(conn.(*net.TCPConn)), conn.SetReadDeadline(time.Now().Add(patience))); err != nil { //nolint:forcetypeassert // as asked for
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != test.status || !strings.Contains(string(body), test.reason) {
				t.Errorf("%s: %s, %v", resp.Status, body, err)
			}
		})
	}
}

func TestAnEdgeThatHangsUpWhileABodyComesIsNotAvailable(t *testing.T) {
	address := start(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1))
		panic(http.ErrAbortHandler)
	})
	for size := range 20 {
		body, more := io.Pipe()
		go func() {
			for range 100 {
				if _, err := more.Write(make([]byte, 1+100*size)); err != nil {
					return // nobody reads any more
				}
			}
			_ = more.Close()
		}()
		if resp := send(bounded(t), t, address, body, nil); resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("in pieces of %d bytes: %s", 1+100*size, resp.Status)
		}
		_ = body.Close()
	}
}

func TestAnAnswerThatBreaksOffIsNotMistakenForAWholeOne(t *testing.T) {
	address := start(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half of")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	resp := send(bounded(t), t, address, strings.NewReader("{}"), nil)
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the answer %q ends as if it were whole", body)
	}
}
