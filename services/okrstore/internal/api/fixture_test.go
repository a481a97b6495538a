package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/etcdengine"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
)

// Bearer tokens of the callers that every fixture knows. An agent acts for the CEO.
const (
	ceo             = "ceo"
	manager         = "manager"
	employee        = "employee"
	globexCEO       = "globex-ceo"
	objectivesAgent = "objectives-agent" // may do everything with objectives and nothing with key results
	reporter        = "reporter"         // may read and update key results
	reader          = "reader"           // may read both
	creator         = "creator"          // may create both and change neither
	fleeting        = "fleeting"         // the CEO with a credential that expires in a moment
	deputy          = "deputy"           // may do everything
	assistant       = "assistant"        // an employee's, with the scopes for everything
)

// assistantClient is the client of the employee's agent; that of all others is testClient.
const assistantClient = "connected-app-assistant"

const (
	acme   = "acme"
	globex = "globex"
)

// etcdVariable names the endpoint of an etcd on which the tests run instead of on the model engine, each under a prefix of
// its own.
const etcdVariable = "OKR_STORE_TEST_ETCD"

// newEngine is an empty engine: the model, if nobody asked for etcd.
func newEngine(t testing.TB) storage.Engine {
	t.Helper()
	endpoint := os.Getenv(etcdVariable)
	if endpoint == "" {
		return memengine.New()
	}
	return openEtcd(t, endpoint, rand.Text()+"/")
}

// newReplicas are two engines on the same data, which on the model is one.
func newReplicas(t testing.TB) (a, b storage.Engine) {
	t.Helper()
	endpoint := os.Getenv(etcdVariable)
	if endpoint == "" {
		engine := memengine.New()
		return engine, engine
	}
	prefix := rand.Text() + "/"
	return openEtcd(t, endpoint, prefix), openEtcd(t, endpoint, prefix)
}

func openEtcd(t testing.TB, endpoint, prefix string) storage.Engine {
	t.Helper()
	engine := must(etcdengine.Open(t.Context(), etcdengine.Config{Endpoints: []string{endpoint}, Prefix: prefix, Upgrades: Upgrades()}))(t)
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// fixture is the service behind the production interceptors, on the engine of newEngine if the test names no other.
type fixture struct {
	okrv1.OkrServiceClient
	t      *testing.T
	server *Server
	engine storage.Engine
	clock  *clock
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func callers() kittest.Authenticator {
	chief := kittest.CEO(acme)
	short := kittest.CEO(acme)
	short.ExpireTime.Seconds = time.Now().Add(time.Second).Unix() + 1
	creates := kittest.Agent(chief, "read:okrs")
	for _, resource := range []string{access.ResourceObjective, access.ResourceKeyResult} {
		creates.ScopePermissions = append(creates.ScopePermissions, &accessv1.Permission{Resource: resource, Action: accessv1.Action_ACTION_CREATE})
	}
	helps := kittest.Agent(kittest.Employee(acme), "read:okrs", "manage:objectives", "manage:krs")
	helps.ClientId, helps.ClientName = assistantClient, "Assistant"
	return kittest.Authenticator{
		deputy:          kittest.Agent(chief, "manage:objectives", "manage:krs"),
		assistant:       helps,
		creator:         creates,
		ceo:             chief,
		manager:         kittest.Manager(acme),
		employee:        kittest.Employee(acme),
		globexCEO:       kittest.CEO(globex),
		objectivesAgent: kittest.Agent(chief, "manage:objectives"),
		reporter:        kittest.Agent(chief, "report_kr_status"),
		reader:          kittest.Agent(chief, "read:okrs"),
		fleeting:        short,
	}
}

// smallScan is what a page may read where a test would otherwise fill the store for many seconds.
const smallScan = maxPageScan / 8

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureOn(t, newEngine(t), 15*time.Second)
}

func newFixtureOn(t *testing.T, engine storage.Engine, heartbeat time.Duration) *fixture {
	t.Helper()
	server, clock := newServer(t, engine, heartbeat)
	known := callers()
	conn := kittest.Serve(t, grpcserver.Config{
		Register:      func(r grpc.ServiceRegistrar) { okrv1.RegisterOkrServiceServer(r, server) },
		Authenticator: known,
		Grantors:      known,
	})
	t.Cleanup(func() {
		for _, organization := range []string{acme, globex} {
			checkIndexes(t, engine, organization)
			checkChain(t, engine, organization)
		}
	})
	return &fixture{okrv1.NewOkrServiceClient(conn), t, server, engine, clock}
}

func newServer(t testing.TB, engine storage.Engine, heartbeat time.Duration) (*Server, *clock) {
	t.Helper()
	clock := &clock{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	server, err := New(Config{
		Engine:           engine,
		Logger:           slog.New(slog.DiscardHandler),
		Now:              clock.Now,
		Heartbeat:        heartbeat,
		ProposalLifetime: 14 * 24 * time.Hour,
		Grantors:         callers(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { checkDocuments(t, &server.documents) })
	return server, clock
}

// checkDocuments checks after each test that nothing changed a document that calls share.
func checkDocuments(t testing.TB, shared *documents) {
	t.Helper()
	for _, generation := range []generation{shared.recent, shared.older} {
		for _, d := range generation.documents {
			fresh := must(new(documents).decode(d.value))(t)
			if !proto.Equal(d.stored, fresh.stored) {
				t.Errorf("a shared document was changed: it is %v, and %v is stored", d.stored, fresh.stored)
			}
			if known := d.latest.Load(); known != nil {
				if want := fresh.on(known.day); !proto.Equal(known.whole, want.whole) || known.size != want.size {
					t.Errorf("what was derived from a shared document was changed: it is %v, and follows as %v", known, want)
				}
			}
		}
	}
}

// as is the context of a call by one of the callers.
func (f *fixture) as(caller string) context.Context {
	return kittest.As(f.t.Context(), caller)
}

// directly is the context of a call that goes to the Server without gRPC and interceptors.
func directly(ctx context.Context, p *authzv1.Principal) context.Context {
	return access.WithPrincipal(telemetry.WithCorrelationID(ctx, "direct"), p)
}

func (f *fixture) createObjective(title string) *okrv1.Objective {
	f.t.Helper()
	return must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: title}}))(f.t)
}

func (f *fixture) createKeyResult(objectiveID, title string) *okrv1.KeyResult {
	f.t.Helper()
	return must(f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
		ObjectiveId: objectiveID, KeyResult: &okrv1.KeyResult{Title: title},
	}))(f.t)
}

func (f *fixture) getObjective(id string) *okrv1.Objective {
	f.t.Helper()
	return must(f.GetObjective(f.as(ceo), &okrv1.GetObjectiveRequest{ObjectiveId: id}))(f.t)
}

func (f *fixture) setAttainment(id string, attainment int32) *okrv1.KeyResult {
	f.t.Helper()
	return must(f.SetKeyResultAttainment(f.as(ceo), &okrv1.SetKeyResultAttainmentRequest{
		KeyResultId: id, Attainment: &attainment,
	}))(f.t)
}

// changes is the whole change log of the caller's organization as the caller sees it, oldest first.
func (f *fixture) changes(caller string) []*okrv1.Change {
	f.t.Helper()
	var all []*okrv1.Change
	eachPage(f.t, func(token string) string {
		page := must(f.ListChanges(f.as(caller), &okrv1.ListChangesRequest{PageSize: 200, PageToken: token}))(f.t)
		all = append(all, page.GetChanges()...)
		return page.GetNextPageToken()
	})
	return all
}

// eachPage calls list with the token of each page; list returns that of the next one.
func eachPage(t interface{ Fatal(args ...any) }, list func(token string) (next string)) {
	const most = 10_000
	token := ""
	for range most {
		if token = list(token); token == "" {
			return
		}
	}
	t.Fatal("the pages have no end")
}

// plant writes objectives into an organization's store without the service, to have a lot of data quickly.
func (f *fixture) plant(organization string, objectives ...*okrv1.Objective) {
	f.t.Helper()
	for _, o := range objectives {
		err := f.engine.Update(f.t.Context(), organization, func(tx storage.Tx) error {
			return records{tx, &f.server.documents}.putObjective(okr.Complete(o))
		})
		if err != nil {
			f.t.Fatal(err)
		}
		for part := range slices.Chunk(o.GetKeyResults(), storage.MaxOperations) {
			err := f.engine.Update(f.t.Context(), organization, func(tx storage.Tx) error {
				for _, k := range part {
					if err := (records{tx: tx}).putKeyResultParent(k); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				f.t.Fatal(err)
			}
		}
	}
}

// keys counts the keys with a prefix that an organization has.
func (f *fixture) keys(organization, prefix string) int {
	f.t.Helper()
	n := 0
	err := f.engine.View(f.t.Context(), organization, func(tx storage.Tx) error {
		n = 0
		for _, err := range tx.Range(storage.Range{Prefix: []byte(prefix)}) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// must takes the result of a call that has to succeed.
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func wantReason(t testing.TB, err error, code codes.Code, reason string) {
	t.Helper()
	if got := rpcerr.ReasonName(rpcerr.ReasonOf(err)); status.Code(err) != code || got != reason {
		t.Errorf("got %v with reason %s, want %s with %s", err, got, code, reason)
	}
}

func wantEqual(t testing.TB, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// bigObjective has about 2 KB for each of its key results.
func bigObjective(id string, keyResults int) *okrv1.Objective {
	o := &okrv1.Objective{Id: id, Title: "Big", Etag: "E"}
	for i := range keyResults {
		o.KeyResults = append(o.KeyResults, &okrv1.KeyResult{
			Id: fmt.Sprintf("kr_%s%04d", id, i), ObjectiveId: id, Title: longTitle(), Attainment: new(int32(i % 101)), Etag: "E",
		})
	}
	return o
}

// longTitle is the longest title that the contract allows, in characters of four bytes.
func longTitle() string {
	title := make([]rune, 500)
	for i := range title {
		title[i] = '𝄞'
	}
	return string(title)
}

// putUndecided writes the entry of an open proposal of somebody else, in a transaction.
func putUndecided(id string, expire time.Time) func(storage.Tx) error {
	return func(tx storage.Tx) error {
		p := &okrv1.Proposal{
			Id: id, Proposer: &okrv1.Member{MemberId: "member-" + id}, State: okrv1.ProposalState_PROPOSAL_STATE_OPEN,
			ExpireTime: timestamppb.New(expire),
			Write: &okrv1.ProposedWrite{Request: &okrv1.ProposedWrite_CreateObjective{
				CreateObjective: &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Theirs"}},
			}},
		}
		value, err := encode(p)
		if err != nil {
			return err
		}
		return errors.Join(tx.Put(undecidedKey(id), value), tx.Put(proposalKey(id), value))
	}
}
