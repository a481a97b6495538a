//go:build unix

package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

const (
	// A round is this long; stores take turns, so that a disturbance of the machine hits all of them.
	clusterRound  = 2 * time.Second
	clusterRounds = 5
)

// clusterStores are the replicas of a store and what is written there.
type clusterStores struct {
	replicas []okrv1.OkrServiceClient
	// By caller: a key result in the first organization, and one in an organization of its own.
	inOne, inMany []*okrv1.KeyResult
	attainment    []int32
}

// BenchmarkCluster compares a store on a file with one replica over three members of etcd, and with three of them: calls a
// second from 64 callers, and their ratio to the file's. Everything runs on this machine and shares its cores and its disk,
// which machines of their own would not.
func BenchmarkCluster(b *testing.B) {
	etcd := kittest.StartEtcd(b, 3)
	onEtcd := func(cfg *okrstore.Config) {
		cfg.Engine, cfg.EtcdEndpoints, cfg.EtcdPrefix = "etcd", etcd.Endpoints, "okr/"
	}
	file := &clusterStores{replicas: []okrv1.OkrServiceClient{startStore(b, func(cfg *okrstore.Config) { cfg.DataDir = b.TempDir() })}}
	three := &clusterStores{}
	for range 3 {
		three.replicas = append(three.replicas, startStore(b, onEtcd))
	}
	file.fill(b)
	three.fill(b)
	one := *three
	one.replicas = three.replicas[:1]

	for _, figure := range []struct {
		name string
		call func(s *clusterStores, ctx context.Context, caller int) error
	}{
		{"writes in one organization", (*clusterStores).writeInOne},
		{"writes in 64 organizations", (*clusterStores).writeInMany},
		{"reads in 64 organizations", (*clusterStores).read},
	} {
		b.Run(figure.name, func(b *testing.B) {
			var rates [3][]float64
			for round := range clusterRounds + 1 {
				for i, s := range []*clusterStores{file, &one, three} {
					rate, err := measure.Throughput(b.Context(), writers, clusterRound, func(ctx context.Context, caller int) error {
						return figure.call(s, ctx, caller)
					})
					if err != nil {
						b.Fatal(err)
					}
					if round > 0 { // the first one warms up
						rates[i] = append(rates[i], rate)
					}
				}
			}
			var medians [3]float64
			for i := range rates {
				slices.Sort(rates[i])
				medians[i] = rates[i][clusterRounds/2]
			}
			b.ReportMetric(0, "ns/op") // says nothing here
			b.ReportMetric(medians[0], "file/s")
			b.ReportMetric(medians[1], "etcd-1-replica/s")
			b.ReportMetric(medians[2], "etcd-3-replicas/s")
			b.ReportMetric(medians[1]/medians[0], "1-replica:file")
			b.ReportMetric(medians[2]/medians[0], "3-replicas:file")
			b.ReportMetric(medians[2]/medians[1], "3-replicas:1")
		})
	}
}

// startStore runs a store until the benchmark ends, and connects to it as the organizations' CEOs.
func startStore(b *testing.B, change func(*okrstore.Config)) okrv1.OkrServiceClient {
	b.Helper()
	principals := kittest.Authenticator{}
	for i := range writers {
		principals[clusterOrganization(i)] = kittest.CEO(clusterOrganization(i))
	}
	cfg := okrstore.Config{
		Listener: kittest.Listen(b), Heartbeat: time.Minute, ProposalLifetime: time.Hour, Authenticator: principals, Logger: slog.New(slog.DiscardHandler),
	}
	change(&cfg)
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- okrstore.Run(ctx, cfg) }()
	b.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			b.Errorf("the store stopped with: %v", err)
		}
	})
	conn, err := grpcclient.Dial(cfg.Listener.Addr().String(), grpcclient.Config{
		Outgoing: func(ctx context.Context, _ string) ([]string, error) {
			return []string{"authorization", "Bearer " + organizationOf(ctx)}, nil
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return okrv1.NewOkrServiceClient(conn)
}

func clusterOrganization(i int) string { return fmt.Sprint("organization-", i) }

// fill makes a key result for each caller: all in the first organization, and one in each of as many.
func (s *clusterStores) fill(b *testing.B) {
	b.Helper()
	s.attainment = make([]int32, writers)
	for caller := range writers {
		s.inOne = append(s.inOne, s.make(b, clusterOrganization(0)))
		s.inMany = append(s.inMany, s.make(b, clusterOrganization(caller)))
	}
}

func (s *clusterStores) make(b *testing.B, organization string) *okrv1.KeyResult {
	b.Helper()
	ctx := context.WithValue(b.Context(), organizationKey{}, organization)
	objective, err := s.replicas[0].CreateObjective(ctx, &okrv1.CreateObjectiveRequest{
		Objective: &okrv1.Objective{Title: "Objective of an organization"},
	}, grpc.WaitForReady(true))
	if err != nil {
		b.Fatal(err)
	}
	keyResult, err := s.replicas[0].CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{
		ObjectiveId: objective.GetId(), KeyResult: &okrv1.KeyResult{Title: "Key result, which says how one will know"},
	})
	if err != nil {
		b.Fatal(err)
	}
	return keyResult
}

func (s *clusterStores) writeInOne(ctx context.Context, caller int) error {
	return s.write(ctx, caller, clusterOrganization(0), s.inOne[caller])
}

func (s *clusterStores) writeInMany(ctx context.Context, caller int) error {
	return s.write(ctx, caller, clusterOrganization(caller), s.inMany[caller])
}

// write changes a key result by the caller's replica.
func (s *clusterStores) write(ctx context.Context, caller int, organization string, k *okrv1.KeyResult) error {
	s.attainment[caller] = (s.attainment[caller] + 1) % 100
	_, err := s.replicas[caller%len(s.replicas)].SetKeyResultAttainment(context.WithValue(ctx, organizationKey{}, organization),
		&okrv1.SetKeyResultAttainmentRequest{KeyResultId: k.GetId(), Attainment: proto.Int32(s.attainment[caller] + 1)})
	return err
}

func (s *clusterStores) read(ctx context.Context, caller int) error {
	_, err := s.replicas[caller%len(s.replicas)].GetObjective(
		context.WithValue(ctx, organizationKey{}, clusterOrganization(caller)),
		&okrv1.GetObjectiveRequest{ObjectiveId: s.inMany[caller].GetObjectiveId()})
	return err
}
