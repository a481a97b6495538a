package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/grpc"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

// organizationID has the length of those of Stytch, which stand in every key.
const organizationID = "organization-live-00000000-0000-4000-8000-000000000001"

// sizes are what a resource leaves in the store, in bytes of keys and values: itself, its places in the indexes, and its
// change in the log with its place in the history.
type sizes struct {
	objective, keyResult, checkIn int64
}

const (
	// measured is how many of each are made, for the mean of them.
	measured = 40
	// rounded is to how many bytes, because numbers in records have different lengths.
	rounded = 20
)

// measureSizes lets a store on a file make resources, and weighs its records after each kind.
func measureSizes(ctx context.Context) (s sizes, err error) {
	dir, err := os.MkdirTemp("", "okr-scale-")
	if err != nil {
		return s, fmt.Errorf("making a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "okr.db")
	var objectives, keyResults []string
	made := func(kind func(context.Context, okrv1.OkrServiceClient, int) error) (int64, error) {
		before, err := weigh(path)
		if err != nil {
			return 0, err
		}
		if err := withStore(ctx, path, func(okr okrv1.OkrServiceClient) error {
			for i := range measured {
				if err := kind(ctx, okr, i); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return 0, err
		}
		after, err := weigh(path)
		return ((after-before)/measured + rounded/2) / rounded * rounded, err
	}
	s.objective, err = made(func(ctx context.Context, okr okrv1.OkrServiceClient, i int) error {
		o, err := okr.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{
			Title: fmt.Sprintf("Objective number %d of a company of middling size", i), OwnerId: "me", Cycle: "2026-Q3",
			Description: "Why it matters, in the two sentences that people write when somebody asks them to. Not much more than that.",
		}}, grpc.WaitForReady(true))
		objectives = append(objectives, o.GetId())
		return err
	})
	if err != nil {
		return s, fmt.Errorf("measuring objectives: %w", err)
	}
	s.keyResult, err = made(func(ctx context.Context, okr okrv1.OkrServiceClient, i int) error {
		k, err := okr.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{ObjectiveId: objectives[i], KeyResult: &okrv1.KeyResult{
			Title: fmt.Sprintf("Key result %d, which says how one will know", i), OwnerId: "me", StartValue: "0", TargetValue: "100000", CurrentValue: "0",
		}}, grpc.WaitForReady(true))
		keyResults = append(keyResults, k.GetId())
		return err
	})
	if err != nil {
		return s, fmt.Errorf("measuring key results: %w", err)
	}
	s.checkIn, err = made(func(ctx context.Context, okr okrv1.OkrServiceClient, i int) error {
		_, err := okr.CreateCheckIn(ctx, &okrv1.CreateCheckInRequest{KeyResultId: keyResults[i], CheckIn: &okrv1.CheckIn{
			Value: strconv.Itoa(10_000 + i), Note: "Two customers signed this week, the third one waits for their lawyers.",
		}}, grpc.WaitForReady(true))
		return err
	})
	if err != nil {
		return s, fmt.Errorf("measuring check-ins: %w", err)
	}
	return s, nil
}

// withStore runs a store on a file while it is used.
func withStore(ctx context.Context, path string, use func(okrv1.OkrServiceClient) error) (err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan error, 1)
	go func() {
		stopped <- okrstore.Run(serving, okrstore.Config{
			Path: path, Listener: listener, Heartbeat: time.Minute, ProposalLifetime: time.Hour, Logger: slog.New(slog.DiscardHandler),
			Authenticator: kittest.Authenticator{organizationID: kittest.CEO(organizationID)},
		})
	}()
	defer func() {
		stop()
		err = errors.Join(err, <-stopped)
	}()
	conn, err := grpcclient.Dial(listener.Addr().String(), grpcclient.Config{
		Outgoing: func(context.Context, string) ([]string, error) {
			return []string{"authorization", "Bearer " + organizationID}, nil
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return use(okrv1.NewOkrServiceClient(conn))
}

// weigh is how many bytes the keys and values of a stopped store have; 0 where there is none yet.
func weigh(path string) (bytes int64, err error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return 0, fmt.Errorf("opening the store: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return bytes, db.View(func(tx *bbolt.Tx) error {
		records := tx.Bucket([]byte("records"))
		if records == nil {
			return errors.New("the file of the store has no records")
		}
		return records.ForEach(func(key, value []byte) error {
			bytes += int64(len(key) + len(value))
			return nil
		})
	})
}
