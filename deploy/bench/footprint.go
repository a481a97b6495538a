package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
)

// footprintName is what OKR_BENCH_ONLY is compared with.
const footprintName = "footprint: start and memory"

const (
	footprintRuns = 5
	// settle is how long the boxes are left alone before their memory is read.
	settle = 5 * time.Second
	// readyLimit bounds one start.
	readyLimit = 30 * time.Second
	// askedReady and askedMemory are the most that is wanted, in seconds and MiB.
	askedReady  = 1.0
	askedMemory = 120.0
)

// boxes are the programs of the system, and their packages.
func boxes() map[string]string {
	return map[string]string{
		"devidp": "services/devidp/cmd/devidp", "authz": "services/authz/cmd/authz", "okrstore": "services/okrstore/cmd/okrstore",
		"mcp": "gateway/mcp/cmd/mcp", "rest": "gateway/rest/cmd/rest",
	}
}

// footprint measures how long the five boxes take to start, each a process of its own as the images have it, and how much
// memory they hold when nobody calls. The demo that does the same stands beside it as it was measured once, on another
// machine: from a start to its first answer, and after one request.
func footprint(ctx context.Context, w io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "okr-bench-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := build(ctx, dir); err != nil {
		return err
	}
	var starts []start
	for i := range footprintRuns + 1 {
		fmt.Fprintf(os.Stderr, "measuring %s, run %d of %d\n", footprintName, i, footprintRuns)
		s, err := startBoxes(ctx, dir, filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			return err
		}
		if i > 0 { // the first has the programs read from the disk
			starts = append(starts, s)
		}
	}
	return reportFootprint(w, starts)
}

// build makes the programs as the Dockerfile does.
func build(ctx context.Context, dir string) error {
	args := []string{"build", "-tags", "grpcnotrace", "-trimpath", "-ldflags=-s -w", "-o", dir + "/"}
	for _, folder := range boxes() {
		args = append(args, "github.com/df0f9dda/okr-manager/"+folder)
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own packages
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the boxes: %w\n%s", err, text)
	}
	return nil
}

// start is what one start of the system took.
type start struct {
	// ready and answered are from the first process to the last box that is ready, and to the first answer to a member.
	ready, answered time.Duration
	// resident and proportional are the boxes' memory, in MiB: RSS, and PSS, which counts once what processes share.
	resident, proportional map[string]float64
}

// startBoxes starts all boxes at once, with an empty folder for their data, calls them, leaves them alone, reads their
// memory and stops them.
func startBoxes(ctx context.Context, programs, data string) (s start, err error) {
	addrs, err := freeAddrs(ctx, "OKR_DEVIDP_ADDR", "OKR_AUTHZ_ADDR", "OKR_STORE_ADDR", "OKR_MCP_ADDR", "OKR_REST_ADDR")
	if err != nil {
		return start{}, err
	}
	web, idp := "http://"+addrs["OKR_REST_ADDR"], "http://"+addrs["OKR_DEVIDP_ADDR"]
	environment := append(foreignEnvironment(),
		"OKR_STYTCH_PROJECT_ID=project-test-00000000-0000-4000-8000-000000000000", "OKR_STYTCH_SECRET=secret-test-local-only",
		"OKR_STYTCH_PUBLIC_TOKEN=public-token-test-local-only", "OKR_STYTCH_BASE_URI="+idp, "OKR_STYTCH_PUBLIC_URL="+idp,
		"OKR_DEVIDP_PUBLIC_URL="+idp, "OKR_DEVIDP_AUTHORIZATION_URL="+web+"/oauth/authorize", "OKR_DEVIDP_REDIRECT_ORIGINS="+web,
		"OKR_PUBLIC_URL="+web, "OKR_OAUTH_ISSUER="+idp,
		"OKR_EDGE_KEY_REST=rest-edge-key-for-this-machine-alone", "OKR_EDGE_KEY_MCP=mcp-edge-key-for-this-machine-alone",
	)
	for name, addr := range addrs {
		environment = append(environment, name+"="+addr)
	}
	running := map[string]*exec.Cmd{}
	defer func() { err = errors.Join(err, stopBoxes(running)) }()
	began := time.Now()
	for box := range boxes() {
		cmd := exec.Command(filepath.Join(programs, box)) //nolint:noctx,gosec // our own programs; each is stopped below, as a container is
		cmd.Env = append(slices.Clone(environment), "OKR_DATA_DIR="+filepath.Join(data, box))
		cmd.Stderr = &bytes.Buffer{}
		if err := os.MkdirAll(filepath.Join(data, box), 0o700); err != nil {
			return start{}, fmt.Errorf("making a folder: %w", err)
		}
		if err := cmd.Start(); err != nil {
			return start{}, fmt.Errorf("starting %s: %w", box, err)
		}
		running[box] = cmd
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := awaitBoxes(ctx, addrs); err != nil {
		return start{}, fmt.Errorf("%w\n%s", err, logs(running))
	}
	s.ready = time.Since(began)
	token, err := measure.Token(ctx, idp, measure.Acme)
	if err != nil {
		return start{}, err
	}
	client := &client{http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, token: token}
	if err := client.httpGet(web+"/api/v1/objectives", token)(ctx, 0); err != nil {
		return start{}, fmt.Errorf("%w\n%s", err, logs(running))
	}
	s.answered = time.Since(began)
	if err := client.httpGet(web+"/", "")(ctx, 0); err != nil {
		return start{}, err
	}
	time.Sleep(settle)
	s.resident, s.proportional = map[string]float64{}, map[string]float64{}
	for box, cmd := range running {
		if s.resident[box], s.proportional[box], err = memoryOf(cmd.Process.Pid); err != nil {
			return start{}, err
		}
	}
	return s, nil
}

// foreignEnvironment is the process's without the settings of boxes.
func foreignEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "OKR_") || strings.HasPrefix(v, "OTEL_") })
}

// freeAddrs finds a free address for each name. Somebody else could take one before it is used; then the start fails.
func freeAddrs(ctx context.Context, names ...string) (map[string]string, error) {
	addrs := map[string]string{}
	for _, name := range names {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer func() { _ = l.Close() }() // nothing was served on it
		addrs[name] = l.Addr().String()
	}
	return addrs, nil
}

// awaitBoxes returns when every box says that it is ready.
func awaitBoxes(ctx context.Context, addrs map[string]string) error {
	probes, ctx := errgroup.WithContext(ctx)
	again := func(name string, probe func() error) {
		probes.Go(func() error {
			for {
				err := probe()
				if err == nil {
					return nil
				}
				select {
				case <-ctx.Done():
					return fmt.Errorf("%s is not ready: %w", name, err)
				case <-time.After(2 * time.Millisecond):
				}
			}
		})
	}
	probe := &client{http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	for _, name := range []string{"OKR_DEVIDP_ADDR", "OKR_MCP_ADDR", "OKR_REST_ADDR"} {
		again(name, func() error { return probe.httpGet("http://"+addrs[name]+"/readyz", "")(ctx, 0) })
	}
	for _, name := range []string{"OKR_AUTHZ_ADDR", "OKR_STORE_ADDR"} {
		again(name, func() error {
			conn, err := grpcclient.Dial(addrs[name], grpcclient.Config{}) // a new one: no waiting as after a refusal
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }() // the answer is there by then
			answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
			if err == nil && answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
				err = errors.New(answer.GetStatus().String())
			}
			return err
		})
	}
	return probes.Wait()
}

// memoryOf reads what a process holds, in MiB.
func memoryOf(pid int) (resident, proportional float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("reading the memory of a process: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "kB" {
			continue
		}
		kib, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return 0, 0, fmt.Errorf("reading the memory of a process: %w", err)
		}
		switch fields[0] {
		case "Rss:":
			resident = kib / 1024
		case "Pss:":
			proportional = kib / 1024
		}
	}
	return resident, proportional, nil
}

// stopBoxes stops processes as a container is stopped.
func stopBoxes(running map[string]*exec.Cmd) error {
	var errs []error
	for _, cmd := range running {
		errs = append(errs, cmd.Process.Signal(syscall.SIGTERM))
	}
	for box, cmd := range running {
		if err := cmd.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w\n%s", box, err, cmd.Stderr))
		}
	}
	return errors.Join(errs...)
}

func logs(running map[string]*exec.Cmd) string {
	var all strings.Builder
	for box, cmd := range running {
		fmt.Fprintf(&all, "%s:\n%s", box, cmd.Stderr)
	}
	return all.String()
}

// reportFootprint writes the medians beside what is asked and the demo's figures.
func reportFootprint(w io.Writer, starts []start) error {
	of := func(value func(start) float64) float64 {
		values := make([]float64, len(starts))
		for i, s := range starts {
			values[i] = value(s)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	sum := func(parts map[string]float64) (all float64) {
		for _, part := range parts {
			all += part
		}
		return all
	}
	fmt.Fprintf(w, "\nFive processes, started at once. Medians of %d starts; memory %s after a few requests. The demo: its first answer, on another machine.\n\n",
		len(starts), settle)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tsystem\tasked\t\tdemo")
	row := func(name, format string, value, asked float64, demo string) {
		limit, verdict := "", ""
		if asked > 0 {
			limit, verdict = "≤ "+fmt.Sprintf(format, asked), "met"
			if value > asked {
				verdict = "MISSED"
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", name, fmt.Sprintf(format, value), limit, verdict, demo)
	}
	row("start to ready", "%.2f s", of(func(s start) float64 { return s.ready.Seconds() }), askedReady, "0.43–2.18 s to its first page")
	row("start to an answer to a member", "%.2f s", of(func(s start) float64 { return s.answered.Seconds() }), 0, "0.45–3.88 s")
	row("resident memory, idle", "%.0f MiB", of(func(s start) float64 { return sum(s.resident) }), askedMemory, "156–514 MiB, 2–7 processes")
	row("the same, shared pages once", "%.0f MiB", of(func(s start) float64 { return sum(s.proportional) }), 0, "132–450 MiB")
	names := make([]string, 0, len(boxes()))
	for box := range boxes() {
		names = append(names, box)
	}
	slices.Sort(names)
	for _, box := range names {
		row("  of it "+box, "%.0f MiB", of(func(s start) float64 { return s.resident[box] }), 0, "")
	}
	return table.Flush()
}
