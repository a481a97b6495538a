package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	mcp "github.com/metoro-io/mcp-golang"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/bridge"
)

type key struct{}

type none struct{}

// connect connects a server with one resource to a bridge.
func connect(t *testing.T, read func(context.Context) (*mcp.ResourceResponse, error)) *bridge.Bridge {
	t.Helper()
	b := bridge.New()
	server := mcp.NewServer(b)
	if err := server.RegisterResource("test://r", "r", "", "text/plain", read); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	return b
}

func read(ctx context.Context, b *bridge.Bridge) (json.RawMessage, error) {
	return b.Call(ctx, "resources/read", json.RawMessage(`{"uri":"test://r"}`))
}

func text(text string) *mcp.ResourceResponse {
	return mcp.NewResourceResponse(mcp.NewTextEmbeddedResource("test://r", text, "text/plain"))
}

func TestEveryCallerGetsTheAnswerToItsOwnCall(t *testing.T) {
	b := connect(t, func(ctx context.Context) (*mcp.ResourceResponse, error) {
		return text(fmt.Sprint(ctx.Value(key{}))), nil
	})
	var group sync.WaitGroup
	for caller := range 64 {
		group.Go(func() {
			for range 50 {
				raw, err := read(context.WithValue(t.Context(), key{}, caller), b)
				var got struct{ Contents []struct{ Text string } }
				if err := errors.Join(err, json.Unmarshal(raw, &got)); err != nil {
					t.Error(err)
					return
				}
				if len(got.Contents) != 1 || got.Contents[0].Text != fmt.Sprint(caller) {
					t.Errorf("caller %d got %s", caller, raw)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestACallEndsWithItsContextAndSoDoesItsHandlersContext(t *testing.T) {
	started, ended := make(chan none), make(chan none)
	b := connect(t, func(ctx context.Context) (*mcp.ResourceResponse, error) {
		close(started)
		<-ctx.Done()
		close(ended)
		return text("late"), nil
	})
	why := errors.New("the caller left")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-started
		cancel(why)
	}()
	if raw, err := read(ctx, b); !errors.Is(err, why) {
		t.Errorf("%s, %v", raw, err)
	}
	<-ended
	// The late answer reaches nobody.
	if _, err := b.Call(t.Context(), "ping", nil); err != nil {
		t.Error(err)
	}
}

func TestAnErrorOfTheLibraryArrivesAsOne(t *testing.T) {
	b := connect(t, empty)
	_, err := b.Call(t.Context(), "resources/read", json.RawMessage(`{"uri":1}`))
	var failed *bridge.Error
	if !errors.As(err, &failed) || failed.Code != -32000 {
		t.Errorf("%v", err)
	}
}

func empty(context.Context) (*mcp.ResourceResponse, error) { return text(""), nil }

func TestABridgeThatIsClosedEndsWhatWaits(t *testing.T) {
	started, release := make(chan none), make(chan none)
	b := connect(t, func(context.Context) (*mcp.ResourceResponse, error) {
		close(started)
		<-release
		return text(""), nil
	})
	defer close(release)
	answered := make(chan error)
	go func() {
		_, err := read(t.Context(), b)
		answered <- err
	}()
	<-started
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; !errors.Is(err, bridge.ErrClosed) {
		t.Errorf("the call that waited: %v", err)
	}
	if _, err := read(t.Context(), b); !errors.Is(err, bridge.ErrClosed) {
		t.Errorf("a call after: %v", err)
	}
}

func TestABridgeToNobodySaysSo(t *testing.T) {
	if _, err := bridge.New().Call(t.Context(), "ping", nil); err == nil {
		t.Error("answered")
	}
}
