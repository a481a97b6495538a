package okrstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	kitrun "github.com/df0f9dda/okr-manager/services/kit/run"
)

// deletedFor checks that all calls of a caller are refused because the organization was deleted.
func deletedFor(t *testing.T, c okrv1.OkrServiceClient, caller string) {
	t.Helper()
	ctx := kittest.As(t.Context(), caller)
	_, readErr := c.ListObjectives(ctx, &okrv1.ListObjectivesRequest{})
	_, writeErr := c.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Late"}})
	for _, err := range []error{readErr, writeErr} {
		wantReason(t, err, codes.NotFound, "ORGANIZATION_DELETED")
	}
}

func TestAnOrganizationIsDeletedFromARunningStoreUnderLoad(t *testing.T) {
	dir := t.TempDir()
	c, socket, stop := cared(t, dir, nil)
	fill(t, c, "ceo", 30)
	fill(t, c, "other", 3)
	theirs := exported(t, c, "other")
	stream, err := c.WatchChanges(kittest.As(t.Context(), "ceo"), &okrv1.WatchChangesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}

	out, _, err := command(t, "organization", "delete", "acme", "-socket", socket)
	if !errors.Is(err, kitrun.ErrUsage) || !strings.Contains(err.Error(), "-confirm acme") || !strings.Contains(out, "30 objectives, 30 key results, 30 check-ins, 90 changes") {
		t.Errorf("without a confirmation it answers %v, %s", err, out)
	}
	if _, _, err := command(t, "organization", "delete", "nobody", "-confirm", "nobody", "-socket", socket); err == nil || !strings.Contains(err.Error(), "nothing of an organization") {
		t.Errorf("an unknown organization: %v", err)
	}
	if got := len(history(t, c, "ceo", 0)); got != 90 {
		t.Fatalf("%d changes are left of 90 before anything was confirmed", got)
	}

	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for {
				_, err := c.CreateObjective(kittest.As(t.Context(), "ceo"), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "More"}})
				if err != nil {
					wantReason(t, err, codes.NotFound, "ORGANIZATION_DELETED")
					return
				}
			}
		})
	}
	if _, _, err := command(t, "organization", "delete", "acme", "-confirm", "acme", "-socket", socket); err != nil {
		t.Fatal(err)
	}
	writers.Wait()
	var ended error
	for ended == nil {
		_, ended = stream.Recv()
	}
	wantReason(t, ended, codes.NotFound, "ORGANIZATION_DELETED")
	deletedFor(t, c, "ceo")
	if got := exported(t, c, "other"); got != theirs {
		t.Error("another organization was touched")
	}
	if out, _, err := command(t, "organization", "delete", "acme", "-confirm", "acme", "-socket", socket); err != nil || !strings.Contains(out, "nothing is left") {
		t.Errorf("the second time it answers %v, %s", err, out)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(dir, "okr.db")
	if out, _, err := command(t, "check", path); err != nil || !strings.Contains(out, "acme: deleted at") || !strings.Contains(out, " 0 records left") {
		t.Errorf("the check says %v, %s", err, out)
	}
	if out, err := verify(t, path); err != nil || !strings.Contains(out, "acme: deleted at") || !strings.Contains(out, "of 2 organizations") {
		t.Errorf("verify says %v, %s", err, out)
	}
	if _, err := verify(t, "-expect-head", "acme=1:"+strings.Repeat("00", 32), path); err == nil {
		t.Error("who expects a log of what was deleted is told that it is there")
	}
	again, _, _ := cared(t, dir, nil)
	deletedFor(t, again, "ceo")
}

func TestAnOrganizationIsDeletedFromAStoppedStoreInAsManyAttemptsAsItTakes(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("OKR_DATA_DIR", dir)
	c, socket, stop := cared(t, dir, nil)
	fill(t, c, "ceo", 25)
	fill(t, c, "other", 3)
	theirs := exported(t, c, "other")
	if _, _, err := command(t, "organization", "delete", "acme", "-confirm", "acme"); err == nil || !strings.Contains(err.Error(), "the store is running") {
		t.Errorf("of a running store whose socket is not named: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	t.Setenv("OKR_STORE_SOCKET", socket) // where nobody listens
	attempts, begun := 0, 0
	for {
		out := new(strings.Builder)
		ctx := &failingContext{Context: t.Context(), printed: out, left: 2 + attempts}
		err := commandWith(ctx, t, kitrun.Stdio{Out: out, Err: io.Discard}, "organization", "delete", "acme", "-confirm", "acme")
		if err == nil && strings.Contains(out.String(), "deleted ") {
			break
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if attempts++; attempts > 200 {
			t.Fatal("it does not come to an end")
		}
		if !strings.Contains(out.String(), "its deletion began") {
			continue
		}
		begun++
		if out, _, err := command(t, "check"); err != nil {
			t.Errorf("on the way it is not in order: %v, %s", err, out)
		}
	}
	if begun < 2 {
		t.Errorf("it was begun, and interrupted again, %d times", begun)
	}
	again, _, _ := cared(t, dir, nil)
	deletedFor(t, again, "ceo")
	if got := exported(t, again, "other"); got != theirs {
		t.Error("another organization was touched")
	}
}

// failingContext ends when it was asked a number of times after something was printed, which is when the work begins.
type failingContext struct {
	context.Context
	printed *strings.Builder
	left    int
}

func (c *failingContext) Err() error {
	if c.printed.Len() == 0 {
		return nil
	}
	if c.left--; c.left < 0 {
		return fmt.Errorf("in the middle of it: %w", context.Canceled)
	}
	return nil
}
