//go:build unix

package kittest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// etcdPatience is how long a cluster may take to be ready.
const etcdPatience = 60 * time.Second

// Etcd is a cluster of etcd in processes of its own, with its data in a folder of the test. Its methods fail the test when
// they cannot do what they say. Members are numbered from 0.
type Etcd struct {
	// Endpoints are the URLs of the members.
	Endpoints []string

	t       testing.TB
	binary  string
	members []*etcdMember
}

type etcdMember struct {
	enter   []string
	args    []string
	process *exec.Cmd
	log     bytes.Buffer
	// id is the member's own, in decimal digits.
	id string
}

// EtcdPlace is where a member of a cluster runs.
type EtcdPlace struct {
	// Client and Peer are the host and port at which it serves clients, and the other members.
	Client, Peer string
	// Enter is a command that runs the rest of its line in another place, such as a network of its own; empty for none.
	Enter []string
}

// StartEtcd starts a cluster on free ports and returns when it has a leader. It ends with the test. The flags are for all
// members.
func StartEtcd(t testing.TB, members int, flags ...string) *Etcd {
	t.Helper()
	ports := freePorts(t, 2*members)
	var places []EtcdPlace
	for i := range members {
		places = append(places, EtcdPlace{Client: ports[2*i], Peer: ports[2*i+1]})
	}
	return StartEtcdAt(t, places, flags...)
}

// StartEtcdAt is StartEtcd with a member in each place.
func StartEtcdAt(t testing.TB, places []EtcdPlace, flags ...string) *Etcd {
	t.Helper()
	e := &Etcd{t: t, binary: etcdBinary(t)}
	var peers []string
	for i, place := range places {
		peers = append(peers, fmt.Sprintf("m%d=http://%s", i, place.Peer))
	}
	dir := t.TempDir()
	for i, place := range places {
		client, peer := "http://"+place.Client, "http://"+place.Peer
		name := fmt.Sprintf("m%d", i)
		e.Endpoints = append(e.Endpoints, client)
		e.members = append(e.members, &etcdMember{enter: place.Enter, args: append([]string{
			"--name", name, "--data-dir", filepath.Join(dir, name), "--log-level", "error",
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(peers, ","), "--initial-cluster-state", "new",
		}, flags...)})
	}
	t.Cleanup(func() {
		for i := range e.members {
			e.Kill(i)
		}
	})
	for i := range e.members {
		e.Start(i)
	}
	for i := range e.members {
		e.Leader(i)
	}
	return e
}

// Control runs etcdctl on the cluster.
func (e *Etcd) Control(args ...string) {
	e.t.Helper()
	e.tool("ctl", append([]string{"--endpoints", strings.Join(e.Endpoints, ",")}, args...)...)
}

// Restore gives all members the state of a snapshot, as a cluster of another name, and starts them.
func (e *Etcd) Restore(snapshot string) {
	e.t.Helper()
	for i := range e.members {
		e.Kill(i)
	}
	dir := e.t.TempDir()
	for i, m := range e.members {
		m.args = append(m.args, "--data-dir", filepath.Join(dir, fmt.Sprint("m", i)), "--initial-cluster-token", "restored")
		m.id = ""
		restore := []string{"snapshot", "restore", snapshot}
		for at := 0; at+1 < len(m.args); at += 2 {
			switch m.args[at] {
			case "--name", "--initial-cluster", "--initial-advertise-peer-urls", "--initial-cluster-token":
				restore = append(restore, m.args[at:at+2]...)
			}
		}
		e.tool("utl", append(restore, "--data-dir", filepath.Join(dir, fmt.Sprint("m", i)))...)
	}
	for i := range e.members {
		e.Start(i)
	}
	for i := range e.members {
		e.Leader(i)
	}
}

// tool runs etcdctl or etcdutl.
func (e *Etcd) tool(suffix string, args ...string) {
	e.t.Helper()
	tool := exec.CommandContext(e.t.Context(), e.binary+suffix, args...) //nolint:gosec // the test's own
	if out, err := tool.CombinedOutput(); err != nil {
		e.t.Fatalf("etcd%s %v: %v\n%s", suffix, args, err, out)
	}
}

// etcdBinary finds the program that the Makefile builds.
func etcdBinary(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		binary := filepath.Join(dir, ".bin", "etcd")
		if _, err := os.Stat(binary); err == nil {
			return binary
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("etcd is missing, which this test needs: make etcd")
		}
		dir = filepath.Dir(dir)
	}
}

// freePorts finds addresses on which nobody listens now.
func freePorts(t testing.TB, n int) []string {
	t.Helper()
	var addrs []string
	for range n {
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close() //nolint:errcheck // so that the next one is another
		addrs = append(addrs, listener.Addr().String())
	}
	return addrs
}

// Start starts a member that does not run.
func (e *Etcd) Start(member int) {
	e.t.Helper()
	m := e.members[member]
	line := append(append(slices.Clone(m.enter), e.binary), m.args...)
	m.process = exec.CommandContext(context.Background(), line[0], line[1:]...) //nolint:gosec // the test's own
	m.process.Stderr = &m.log
	endWithThisProcess(m.process)
	if err := m.process.Start(); err != nil {
		e.t.Fatalf("starting etcd: %v", err)
	}
}

// Kill ends a member without a warning. One that does not run stays as it is.
func (e *Etcd) Kill(member int) {
	e.t.Helper()
	m := e.members[member]
	if m.process == nil {
		return
	}
	e.signal(member, syscall.SIGKILL)
	_ = m.process.Wait() // says that it was killed
	m.process = nil
}

// Pause stops a member as a machine that hangs does: its connections stay open and nothing answers.
func (e *Etcd) Pause(member int) { e.signal(member, syscall.SIGSTOP) }

// Resume lets a member go on that was paused.
func (e *Etcd) Resume(member int) { e.signal(member, syscall.SIGCONT) }

func (e *Etcd) signal(member int, signal os.Signal) {
	e.t.Helper()
	if err := e.members[member].process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		e.t.Errorf("signalling member %d of etcd: %v", member, err)
	}
}

// Leader waits until a member knows a leader, and answers its number.
func (e *Etcd) Leader(asked int) int {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), etcdPatience)
	defer cancel()
	for {
		leader, err := e.leader(ctx, asked)
		if err == nil {
			return leader
		}
		select {
		case <-ctx.Done():
			e.t.Fatalf("etcd has no leader: %v\n%s", err, e.members[asked].log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Leaderless waits until a member knows no leader.
func (e *Etcd) Leaderless(asked int) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), etcdPatience)
	defer cancel()
	for {
		status, err := e.status(ctx, asked)
		if err == nil && (status.Leader == "" || status.Leader == "0") {
			return
		}
		select {
		case <-ctx.Done():
			e.t.Fatalf("member %d goes on to know a leader, %q: %v", asked, status.Leader, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (e *Etcd) leader(ctx context.Context, asked int) (int, error) {
	for i, m := range e.members {
		if m.id == "" {
			status, err := e.status(ctx, i)
			if err != nil {
				return 0, err
			}
			m.id = status.Header.ID
		}
	}
	status, err := e.status(ctx, asked)
	if err != nil {
		return 0, err
	}
	for i, m := range e.members {
		if m.id == status.Leader {
			return i, nil
		}
	}
	return 0, fmt.Errorf("member %d says that the leader is %q", asked, status.Leader)
}

// etcdStatus is what matters here of etcd's StatusResponse.
type etcdStatus struct {
	Header struct {
		ID string `json:"member_id"`
	} `json:"header"`
	Leader string `json:"leader"`
}

func (e *Etcd) status(ctx context.Context, member int) (status etcdStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Endpoints[member]+"/v3/maintenance/status", strings.NewReader("{}"))
	if err != nil {
		return status, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return status, err
	}
	defer answer.Body.Close()
	return status, json.NewDecoder(answer.Body).Decode(&status)
}
