package conformance

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// requirement is a frozen set of scenarios of the suite, with how many of them are scored: fewer would prove less.
type requirement struct {
	version string
	scored  int
}

// Suite runs the conformance suite against the fixtures, without and with a bearer token, and says what came of it last.
// Its one argument is the folder with the suite's node_modules.
func Suite(ctx context.Context, args []string, stdio run.Stdio) error {
	if len(args) != 1 {
		return fmt.Errorf("%w: the folder with node_modules is missing", run.ErrUsage)
	}
	modules := filepath.Join(args[0], "node_modules")
	var figures bytes.Buffer
	var errs []error
	for _, token := range []string{"", "a-token-of-the-suite"} {
		address, stop, err := serve(ctx, token, stdio.Err)
		if err != nil {
			return err
		}
		for _, r := range []requirement{{"2025-11-25", 30}, {"2026-07-28", 37}} {
			what := r.version
			if token != "" {
				what += ", token required"
			}
			fmt.Fprintf(stdio.Out, "running the suite for %s\n", what)
			passed, err := r.run(ctx, modules, address, stdio.Out)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", what, err))
			}
			fmt.Fprintf(&figures, "%-32s %d/%d scored scenarios passed\n", what, passed, r.scored)
		}
		stop()
	}
	fmt.Fprint(stdio.Out, "\n", figures.String())
	return errors.Join(errs...)
}

// serve serves the fixtures on a free port until stop is called. The suite can send no token of its own: where one is
// required, a proxy adds it.
func serve(ctx context.Context, token string, log io.Writer) (address string, stop func(), err error) {
	handler, err := Handler(Config{Token: token}, telemetry.NewLogger(log, slog.LevelWarn, "conformance"))
	if err != nil {
		return "", nil, err
	}
	behind, stopBehind, err := listen(ctx, handler)
	if err != nil || token == "" {
		return behind, stopBehind, err
	}
	target, err := url.Parse(behind)
	if err != nil {
		stopBehind()
		return "", nil, fmt.Errorf("reading an address of our own: %w", err)
	}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Host, r.Out.URL.Scheme = target.Host, target.Scheme
			r.Out.Host = r.In.Host
			r.Out.Header.Set("Authorization", "Bearer "+token)
		},
	}
	proxied, stopProxy, err := listen(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Without this the first byte of an answer closes the body of the request, and if that races with the reading of
		// its end, the proxy drops the connection that the answer comes from.
		_ = http.NewResponseController(w).EnableFullDuplex()
		proxy.ServeHTTP(w, r)
	}))
	if err != nil {
		stopBehind()
		return "", nil, err
	}
	return proxied, func() { stopProxy(); stopBehind() }, nil
}

func listen(ctx context.Context, handler http.Handler) (address string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // it ends when it is closed
	}()
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close() // nothing is served any more either way
		<-served
	}, nil
}

// run runs one set and counts the scored scenarios that passed.
func (r requirement) run(ctx context.Context, modules, address string, out io.Writer) (passed int, err error) {
	//nolint:gosec // a program of tests runs the packages that the repository pins
	command := exec.CommandContext(ctx, filepath.Join(modules, ".bin", "node"),
		filepath.Join(modules, "@modelcontextprotocol", "conformance", "dist", "index.js"),
		"server", "--url", address+"/mcp", "--requirements", r.version)
	command.Env = append(os.Environ(), "NO_COLOR=1")
	report, err := command.CombinedOutput()
	results, unscored := read(report)
	failed := 0
	for name, ok := range results {
		switch {
		case unscored[name]:
		case ok:
			passed++
		default:
			failed++
		}
	}
	switch {
	case err != nil || failed > 0:
		fmt.Fprintf(out, "%s\n", report)
		return passed, fmt.Errorf("%d scored scenarios failed: %w", failed, err)
	case passed != r.scored:
		fmt.Fprintf(out, "%s\n", report)
		return passed, fmt.Errorf("%d scored scenarios ran, not %d", passed, r.scored)
	}
	return passed, nil
}

// read reads the summary of a report: every scenario with whether it passed, and those that do not count.
func read(report []byte) (results, unscored map[string]bool) {
	results, unscored = make(map[string]bool), make(map[string]bool)
	var summary, apart bool
	lines := bufio.NewScanner(bytes.NewReader(report))
	lines.Buffer(nil, len(report)+1)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		summary = summary || strings.HasPrefix(line, "=== SUMMARY")
		apart = apart || strings.HasPrefix(line, "Not scored")
		mark, rest, _ := strings.Cut(line, " ")
		if !summary || mark != "✓" && mark != "✗" {
			continue
		}
		if apart {
			name, _, _ := strings.Cut(rest, " ")
			unscored[name] = true
			continue
		}
		name, _, _ := strings.Cut(rest, ":")
		results[name] = mark == "✓"
	}
	return results, unscored
}
