//go:build unix

package e2e

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

// The title of an objective is a register: it is read, written, and exchanged for another one if it is still what was read,
// by its etag. No title is written twice.
type registerInput struct {
	objective string
	kind      registerKind
	// title is what is written, and expected what an exchange has read before.
	title, expected string
}

type registerKind int

const (
	registerRead registerKind = iota
	registerWrite
	registerExchange
)

type registerOutput struct {
	title string // that was read
	// refused says that an exchange found another etag.
	refused bool
	// unknown says that there was no answer: it may have been done, or be done later.
	unknown bool
}

// untouched is the title that each of them begins with. What they have at the end is their own.
const untouched = "0"

// registers is what the store promises: each objective by itself behaves as if one call were made after the other.
func registers() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byObjective := map[string][]porcupine.Operation{}
			for _, op := range history {
				id := op.Input.(registerInput).objective
				byObjective[id] = append(byObjective[id], op)
			}
			var parts [][]porcupine.Operation
			for _, part := range byObjective {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return untouched },
		Step: func(state, input, output any) (bool, any) {
			title, in, out := state.(string), input.(registerInput), output.(registerOutput)
			switch in.kind {
			case registerRead:
				return out.title == title, title
			case registerWrite:
				return true, in.title
			}
			switch found := in.expected == title; {
			case out.refused:
				return !found, title
			case found:
				return true, in.title
			default:
				return out.unknown, title
			}
		},
	}
}

func TestTheModelOfARegisterFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	op := func(call, end int64, in registerInput, out registerOutput) porcupine.Operation {
		return porcupine.Operation{Input: in, Call: call, Output: out, Return: end}
	}
	write := func(title string) registerInput { return registerInput{kind: registerWrite, title: title} }
	exchange := func(from, to string) registerInput {
		return registerInput{kind: registerExchange, expected: from, title: to}
	}
	read, done := registerInput{}, registerOutput{}
	saw := func(title string) registerOutput { return registerOutput{title: title} }
	for name, test := range map[string]struct {
		history []porcupine.Operation
		want    bool
	}{
		"one after the other":             {[]porcupine.Operation{op(0, 1, write("a"), done), op(2, 3, read, saw("a"))}, true},
		"a write that is lost":            {[]porcupine.Operation{op(0, 1, write("a"), done), op(2, 3, read, saw("0"))}, false},
		"a read of the past":              {[]porcupine.Operation{op(0, 1, write("a"), done), op(2, 3, write("b"), done), op(4, 5, read, saw("a"))}, false},
		"a write that comes back":         {[]porcupine.Operation{op(0, 1, write("a"), done), op(2, 3, write("b"), done), op(4, 5, read, saw("b")), op(6, 7, read, saw("a"))}, false},
		"two exchanges of the same":       {[]porcupine.Operation{op(0, 5, exchange("0", "a"), done), op(0, 5, exchange("0", "b"), done)}, false},
		"an exchange that was refused":    {[]porcupine.Operation{op(0, 1, write("a"), done), op(2, 3, exchange("0", "b"), registerOutput{refused: true})}, true},
		"one that was refused for naught": {[]porcupine.Operation{op(0, 1, exchange("0", "b"), registerOutput{refused: true})}, false},
		"an answer that was lost": {[]porcupine.Operation{
			op(0, math.MaxInt64, write("a"), registerOutput{unknown: true}), op(2, 3, read, saw("0")), op(4, 5, read, saw("a")),
		}, true},
		"a lost one that goes away again": {[]porcupine.Operation{
			op(0, math.MaxInt64, write("a"), registerOutput{unknown: true}), op(2, 3, read, saw("a")), op(4, 5, read, saw("0")),
		}, false},
	} {
		if got := porcupine.CheckOperations(registers(), test.history); got != test.want {
			t.Errorf("%s: linearizable is %t", name, got)
		}
	}
}

// service stands before stores as a Service of Kubernetes does: each new connection goes to one of those that are there.
type service struct {
	listener net.Listener

	mu     sync.Mutex
	stores []*served
	next   int
}

// served is a store in a process of its own.
type served struct {
	process *exec.Cmd
	addr    string
}

func serve(t *testing.T) *service {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{listener: listener}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go s.forward(client)
		}
	}()
	return s
}

func (s *service) forward(client net.Conn) {
	defer client.Close()
	s.mu.Lock()
	if len(s.stores) == 0 {
		s.mu.Unlock()
		return
	}
	s.next++
	addr := s.stores[s.next%len(s.stores)].addr
	s.mu.Unlock()
	store, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer store.Close()
	go func() {
		defer store.Close()
		_, _ = io.Copy(store, client)
	}()
	_, _ = io.Copy(client, store)
}

// start starts a store behind the service.
func (s *service) start(t *testing.T, settings ...string) {
	t.Helper()
	process, addr := startBox(t, childStore, settings...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stores = append(s.stores, &served{process, addr})
}

// kill kills the oldest store.
func (s *service) kill(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	oldest := s.stores[0]
	s.stores = s.stores[1:]
	s.mu.Unlock()
	kill(t, oldest.process)
}

// observed is what the clients of one organization did and saw.
type observed struct {
	start        time.Time
	organization string
	objectives   []string
	// observer reads alone.
	observer *okrclient.Client
	// others are objectives of another organization, which nobody here may get to see.
	others []string
	done   *atomic.Int64 // in all organizations
	// rest is what a client waits after each call, so that there is something left of the machine for other tests.
	rest time.Duration

	mu         sync.Mutex
	operations []porcupine.Operation
	made       map[string]string // objectives that were created and acknowledged, by title
	unknown    int
	foreign    int // reads that answered another organization's
}

func (h *observed) now() int64 { return int64(time.Since(h.start)) }

func (h *observed) add(op porcupine.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out, isRegister := op.Output.(registerOutput)
	if isRegister && out.unknown {
		h.unknown++
		op.Return = math.MaxInt64
	}
	h.operations = append(h.operations, op)
	if op.ClientId != registerClients {
		h.done.Add(1)
	}
}

// client is one that calls without a pause until stop is closed. The call that it makes then it makes to its end.
func (h *observed) client(t *testing.T, number int, c *okrclient.Client, stop <-chan struct{}) {
	last := map[string]*okrv1.Objective{}
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(h.rest):
		}
		in := registerInput{
			objective: h.objectives[rand.IntN(len(h.objectives))],
			title:     fmt.Sprintf("Number %d of client %d of %s", n, number, h.organization),
		}
		switch chance := rand.IntN(20); {
		case chance == 0:
			h.trespass(t, c)
			continue
		case chance < 3:
			h.create(t, c, in.title)
			continue
		case chance < 9:
			in.kind = registerWrite
		case chance < 14 && last[in.objective] != nil:
			in.kind = registerExchange
			in.expected = last[in.objective].GetTitle()
		}
		op := porcupine.Operation{ClientId: number, Call: h.now()}
		o, out := call(t, c, in, last[in.objective])
		if out.unknown && in.kind == registerRead {
			continue // it says nothing
		}
		op.Input, op.Output, op.Return = in, out, h.now()
		h.add(op)
		h.see(o.GetTitle())
		last[in.objective] = o
	}
}

// see notes a title that was read, or answered to a write.
func (h *observed) see(title string) {
	if title == "" || title == untouched || strings.HasSuffix(title, " of "+h.organization) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.foreign++
}

// trespass asks for another organization's objective, which looks like one that does not exist.
func (h *observed) trespass(t *testing.T, c *okrclient.Client) {
	id := h.others[rand.IntN(len(h.others))]
	err := again(t, func(ctx context.Context) error {
		_, err := c.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: id})
		return err
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done.Add(1)
	if err == nil {
		h.foreign++
	}
}

// call makes one call. The objective that it answers is what the next exchange expects.
func call(t *testing.T, c *okrclient.Client, in registerInput, last *okrv1.Objective) (o *okrv1.Objective, out registerOutput) {
	var err error
	if in.kind == registerRead {
		err = again(t, func(ctx context.Context) (err error) {
			o, err = c.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: in.objective})
			return err
		})
		return o, registerOutput{title: o.GetTitle(), unknown: err != nil}
	}
	request := &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: in.objective, Title: in.title}, RequestId: crand.Text()}
	if in.kind == registerExchange {
		request.Objective.Etag = last.GetEtag()
	}
	err = again(t, func(ctx context.Context) (err error) {
		o, err = c.UpdateObjective(ctx, request)
		return err
	})
	if okrclient.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH {
		return nil, registerOutput{refused: true}
	}
	return o, registerOutput{unknown: err != nil}
}

// again makes a call until there is an answer. Other answers than that an etag is stale or an objective is not there fail the
// test.
func again(t *testing.T, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	for {
		err := call(ctx)
		var e *okrclient.Error
		switch errors.As(err, &e); {
		case err == nil, e != nil && e.Reason == accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH,
			e != nil && e.Reason == accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND:
			return err
		case ctx.Err() != nil:
			t.Errorf("without an answer: %v", err)
			return err
		case e == nil || e.Code != codes.Unavailable:
			t.Errorf("answered %v", err)
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond): // the client gave up at its deadline
		}
	}
}

func (h *observed) create(t *testing.T, c *okrclient.Client, title string) {
	request := &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: title}, RequestId: crand.Text()}
	var made *okrv1.Objective
	err := again(t, func(ctx context.Context) (err error) {
		made, err = c.CreateObjective(ctx, request)
		return err
	})
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made[title] = made.GetId()
	h.done.Add(1)
}

const (
	registerClients       = 16
	registerObjectives    = 6
	registerOrganizations = 2
)

// underLoad runs the clients beside disturb, which is told how to wait until work goes on, and checks what they saw; over
// again until there were as many operations as the long form asks for. Each round is in organizations of its own, so that
// a history stays short enough to be checked.
func (s *service) underLoad(t *testing.T, on string, longStep int64, disturb func(goesOn func(after string))) {
	t.Helper()
	var sum tally
	wanted, step := wantedOperations(t), int64(callsInAStep)
	if wanted > 0 {
		step = longStep
	}
	for sum.operations == 0 || sum.operations < wanted && !t.Failed() {
		sum.add(s.round(t, step, disturb))
	}
	t.Logf("operations: %d on %s, %d acknowledged writes lost, %d done twice, %d of another organization, %d without an answer",
		sum.operations, on, sum.lost, sum.twice, sum.foreign, sum.unknown)
}

// How many calls a step of a round waits for: in the short form, and in the long form where stores share a cluster and where
// one is alone, which answers more of them in the time that it takes to start it again.
const (
	callsInAStep        = 4 * registerClients
	callsInAStepOnEtcd  = 1000
	callsInAStepOnAFile = 5000
)

func (s *service) round(t *testing.T, step int64, disturb func(goesOn func(after string))) tally {
	t.Helper()
	var done atomic.Int64
	var all []*observed
	var clients []*okrclient.Client
	defer func() {
		for _, c := range clients {
			_ = c.Close()
		}
	}()
	var work sync.WaitGroup
	defer work.Wait()
	stop := make(chan struct{})
	stopped := sync.OnceFunc(func() { close(stop) })
	defer stopped()
	dial := func(tokens okrclient.TokenSource) *okrclient.Client {
		c, err := okrclient.Dial(okrclient.Config{Target: s.listener.Addr().String(), Tokens: tokens})
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
		return c
	}
	var tokens []okrclient.TokenSource
	for range registerOrganizations {
		ceo, _ := running.found(t)
		token := okrclient.StaticToken(ceo.letIn(t, "Sixteen clients", everyScope()...).AccessToken)
		h := &observed{
			start: time.Now(), organization: ceo.organization, observer: dial(token), done: &done, made: map[string]string{},
		}
		if step == callsInAStep {
			h.rest = 25 * time.Millisecond
		}
		for range registerObjectives {
			o, err := h.observer.CreateObjective(t.Context(), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: untouched}})
			if err != nil {
				t.Fatal(err)
			}
			h.objectives = append(h.objectives, o.GetId())
		}
		all, tokens = append(all, h), append(tokens, token)
	}
	for i, h := range all {
		h.others = all[(i+1)%len(all)].objectives
	}
	for number := range registerClients {
		h, c := all[number%len(all)], dial(tokens[number%len(all)])
		work.Go(func() { h.client(t, number, c, stop) })
	}
	disturb(func(after string) {
		t.Helper()
		before := done.Load()
		for deadline := time.Now().Add(patience); done.Load() < before+step; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("after %s, only %d calls were answered", after, done.Load()-before)
			}
		}
	})
	stopped()
	work.Wait()
	sum := tally{operations: done.Load()}
	for _, h := range all {
		sum.add(h.check(t))
	}
	return sum
}

// check compares the history with the model, and what is there with what was acknowledged.
func (h *observed) check(t *testing.T) tally {
	t.Helper()
	for _, id := range h.objectives { // the last state belongs to the history
		in := registerInput{objective: id}
		begun := h.now()
		_, out := call(t, h.observer, in, nil)
		if out.unknown {
			t.Fatalf("%s cannot be read at the end", id)
		}
		h.add(porcupine.Operation{ClientId: registerClients, Input: in, Call: begun, Output: out, Return: h.now()})
	}
	if result := porcupine.CheckOperationsTimeout(registers(), h.operations, 2*patience); result != porcupine.Ok {
		t.Errorf("the history of %d calls is not linearizable: %s", len(h.operations), result)
	}
	sum := tally{unknown: h.unknown}
	present := map[string]string{}
	for o, err := range h.observer.Objectives(t.Context(), &okrv1.ListObjectivesRequest{PageSize: 200}) {
		if err != nil {
			t.Fatal(err)
		}
		h.see(o.GetTitle())
		if _, there := present[o.GetTitle()]; there && o.GetTitle() != untouched {
			t.Errorf("there are two objectives %q: something was done twice", o.GetTitle())
			sum.twice++
		}
		present[o.GetTitle()] = o.GetId()
	}
	for title, id := range h.made {
		if present[title] != id {
			t.Errorf("%q was acknowledged as %s, and there is %q", title, id, present[title])
			sum.lost++
		}
	}
	if sum.foreign = h.foreign; h.foreign > 0 {
		t.Errorf("clients of %s saw %d times what is another organization's", h.organization, h.foreign)
	}
	return sum
}

func TestTheStoreIsLinearizableWhileItIsKilled(t *testing.T) {
	t.Parallel()
	data := "OKR_DATA_DIR=" + t.TempDir()
	s := serve(t)
	s.start(t, data)
	s.underLoad(t, "a file", callsInAStepOnAFile, func(goesOn func(string)) {
		goesOn("the start")
		for range 12 {
			s.kill(t)
			s.start(t, data)
			goesOn("the store was killed")
		}
	})
}

func TestTheStoreIsLinearizableOnAClusterWhoseMembersAndReplicasFail(t *testing.T) {
	t.Parallel()
	etcd := kittest.StartEtcd(t, 3)
	settings := []string{"OKR_STORE_ENGINE=etcd", "OKR_STORE_ETCD_ENDPOINTS=" + strings.Join(etcd.Endpoints, ",")}
	s := serve(t)
	for range 3 {
		s.start(t, settings...)
	}
	s.underLoad(t, "etcd", callsInAStepOnEtcd, func(goesOn func(string)) {
		goesOn("the start")
		for range 2 {
			leader := etcd.Leader(0)
			etcd.Kill(leader)
			s.kill(t)
			goesOn("the leader and a replica were killed")
			etcd.Start(leader)
			s.start(t, settings...)
			leader = etcd.Leader(leader)
			goesOn("they came back")

			etcd.Pause(leader)
			goesOn("the leader was paused")
			etcd.Resume(leader)
			follower := (etcd.Leader(leader) + 1) % 3
			etcd.Pause(follower)
			goesOn("a follower was paused")
			etcd.Resume(follower)

			for range 3 {
				s.kill(t)
				s.start(t, settings...)
			}
			goesOn("every replica was killed")
		}
	})
}
