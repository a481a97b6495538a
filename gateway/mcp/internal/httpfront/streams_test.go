package httpfront_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/httpfront"
)

// news is a source of notifications. Resources under "hidden:" are nobody's.
type news struct {
	mu     sync.Mutex
	open   map[int]chan engine.Notification
	opened chan engine.Subscription // every wish
	ended  chan struct{}            // every end
}

func newNews() *news {
	return &news{
		open: make(map[int]chan engine.Notification), opened: make(chan engine.Subscription, 64), ended: make(chan struct{}, 64),
	}
}

func (n *news) subscribe(ctx context.Context, wish engine.Subscription) (engine.Subscription, <-chan engine.Notification, error) {
	granted := wish
	granted.URIs = nil
	for _, uri := range wish.URIs {
		if !strings.HasPrefix(uri, "hidden:") {
			granted.URIs = append(granted.URIs, uri)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	number, events := len(n.opened)+len(n.open)*1000, make(chan engine.Notification, 16)
	for n.open[number] != nil {
		number++
	}
	n.open[number] = events
	context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.open, number)
		n.ended <- struct{}{}
	})
	n.opened <- granted
	return granted, events, nil
}

func (n *news) tell(all ...engine.Notification) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, one := range all {
		for _, events := range n.open {
			events <- one
		}
	}
}

func (n *news) config() engine.Config {
	cfg := whoAmI()
	cfg.Subscribe, cfg.ListsChange = n.subscribe, engine.ListChanges{Resources: true}
	return cfg
}

func updated(uri string) engine.Notification {
	return engine.Notification{Kind: engine.ResourceUpdated, URI: uri}
}

// listen is subscriptions/listen for a resource, one that is hidden, and changes of lists of which only one is reported.
func listen() call {
	return modern(`"the-stream"`, "subscriptions/listen",
		`"notifications":{"toolsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["r://a","hidden:b"]}`)
}

// next is the next message of a stream, which must come.
func next(t *testing.T, stream <-chan message) message {
	t.Helper()
	select {
	case m, open := <-stream:
		if !open {
			t.Fatal("the stream has ended")
		}
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("nothing comes")
	}
	return message{}
}

func TestASubscriptionSaysWhatItGrantsAndCarriesThat(t *testing.T) {
	n := newNews()
	stopping, stop := context.WithCancel(t.Context())
	s := serve(t, n.config(), httpfront.Config{Authenticate: byToken, Stopping: stopping})
	response := s.send(t.Context(), listen())
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" || response.Header.Get("X-Accel-Buffering") != "no" {
		t.Fatalf("%d %v", response.StatusCode, response.Header)
	}
	stream := events(t, response.Body)
	const tag = "map[io.modelcontextprotocol/subscriptionId:the-stream]"
	first := next(t, stream)
	if first.Method != "notifications/subscriptions/acknowledged" || fmt.Sprint(first.Params["_meta"]) != tag ||
		fmt.Sprint(first.Params["notifications"]) != "map[resourceSubscriptions:[r://a] resourcesListChanged:true]" {
		t.Errorf("it begins with %+v", first)
	}
	n.tell(updated("hidden:b"), engine.Notification{Kind: engine.ToolsChanged}, engine.Notification{Kind: engine.PromptsChanged},
		updated("r://a"), engine.Notification{Kind: engine.ResourcesChanged})
	for _, want := range []string{"notifications/resources/updated r://a", "notifications/resources/list_changed <nil>"} {
		m := next(t, stream)
		if got := fmt.Sprint(m.Method, " ", m.Params["uri"]); got != want || fmt.Sprint(m.Params["_meta"]) != tag {
			t.Errorf("then comes %+v, not %s", m, want)
		}
	}
	stop()
	last := next(t, stream)
	if string(last.ID) != `"the-stream"` || last.Result["resultType"] != "complete" || fmt.Sprint(last.Result["_meta"]) != tag {
		t.Errorf("it ends with %+v", last)
	}
	if m, open := <-stream; open {
		t.Errorf("after its end comes %+v", m)
	}
	<-n.ended
}

func TestASubscriptionEndsWithItsClientAndWithItsCredential(t *testing.T) {
	n := newNews()
	expire := make(chan context.CancelCauseFunc, 1)
	s := serve(t, n.config(), httpfront.Config{Authenticate: func(r *http.Request) (context.Context, error) {
		ctx, err := byToken(r)
		if err == nil {
			var cancel context.CancelCauseFunc
			ctx, cancel = context.WithCancelCause(ctx)
			expire <- cancel
		}
		return ctx, err
	}})
	t.Run("the client leaves", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		response := s.send(ctx, listen())
		defer response.Body.Close()
		defer (<-expire)(nil)
		<-n.opened
		leave()
		<-n.ended
	})
	t.Run("the credential expires", func(t *testing.T) {
		response := s.send(t.Context(), listen())
		defer response.Body.Close()
		stream := events(t, response.Body)
		next(t, stream)
		(<-expire)(challenge(http.StatusUnauthorized))
		for range stream { // it ends
		}
		<-n.ended
	})
}

func TestSubscriptionsThatAskForNonsenseAreRefused(t *testing.T) {
	s := serve(t, newNews().config(), httpfront.Config{Authenticate: byToken})
	for _, params := range []string{
		``, `"notifications":[]`, `"notifications":{"toolsListChanged":"yes"}`, `"notifications":{"resourceSubscriptions":"r://a"}`,
		`"notifications":{"resourceSubscriptions":[` + strings.Repeat(`"r://a",`, 1000) + `"r://a"]}`,
	} {
		if got := s.do(modern("1", "subscriptions/listen", params)); got.code(t) != -32602 || string(got.message(t).ID) != "1" {
			t.Errorf("%.60s: %d %s", params, got.status, got.body)
		}
	}
}

// lost is a client whose connection takes no more than the beginning.
type lost struct {
	*httptest.ResponseRecorder
	writes int
}

func (l *lost) Write(p []byte) (int, error) {
	if l.writes++; l.writes > 1 {
		return 0, errors.New("broken pipe")
	}
	return l.ResponseRecorder.Write(p)
}

func TestAStreamThatNobodyTakesEnds(t *testing.T) {
	n := newNews()
	cfg := n.config()
	cfg.Name, cfg.Version = "test", "1"
	e, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := httpfront.New(httpfront.Config{Engine: e})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t}
	r, err := s.request(t.Context(), listen())
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		handler.ServeHTTP(&lost{ResponseRecorder: httptest.NewRecorder()}, r)
	}()
	<-n.opened
	n.tell(updated("r://a"), updated("r://a"))
	select {
	case <-served:
	case <-time.After(30 * time.Second):
		t.Error("the stream goes on")
	}
}
