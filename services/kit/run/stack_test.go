package run_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/kit/run"
)

func TestAStackClosesLastInFirstOutAlsoAfterAnError(t *testing.T) {
	var stack run.Stack
	var order []string
	failure := errors.New("the disk is gone")
	for _, name := range []string{"store", "listener", "server"} {
		stack.Push(name, func(context.Context) error {
			order = append(order, name)
			if name == "listener" {
				return failure
			}
			return nil
		})
	}
	err := stack.Close(t.Context())
	if want := []string{"server", "listener", "store"}; !slices.Equal(order, want) {
		t.Errorf("closed in the order %v, want %v", order, want)
	}
	if !errors.Is(err, failure) || !strings.Contains(err.Error(), "closing listener") {
		t.Errorf("Close = %v", err)
	}
	if err := stack.Close(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("a second Close closed %v, %v", order[3:], err)
	}
}

func TestAStackHandsItsContextToEachResource(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stack run.Stack
	stack.Push("server", func(ctx context.Context) error { return ctx.Err() })
	if err := stack.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close = %v", err)
	}
}
