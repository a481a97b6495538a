package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

const (
	// me stands for the caller's member.
	me = "me"
	// rosterLifetime is how long names are remembered: no longer than the answer to who is calling.
	rosterLifetime = access.TxnTokenLifetime
	// rosterRetry is the time after a failure in which names are not asked for again.
	rosterRetry = time.Second
	// rosterTimeout bounds the time that is spent on names. Lists do without them rather than wait.
	rosterTimeout = 3 * time.Second
	// rosterPages bounds how many pages of members are read; of whom is on none, the id is shown.
	rosterPages    = 5
	membersPerPage = 200
	// cachedRosters bounds for how many organizations names are remembered.
	cachedRosters = 256
	// suggested is how many members a failure names.
	suggested = 10
)

// directory knows the names of organizations' members as authz tells them to every member. It is safe for concurrent use.
type directory struct {
	organizations authzv1.OrganizationServiceClient
	now           func() time.Time
	rosters       *lru.Cache[string, roster]
	flight        singleflight.Group
}

// roster is the members of one organization.
type roster struct {
	members []*authzv1.MemberName
	names   map[string]string // by id
	// whole says that there are no others.
	whole bool
	until time.Time
	err   error
}

func newDirectory(organizations authzv1.OrganizationServiceClient, now func() time.Time) *directory {
	rosters, err := lru.New[string, roster](cachedRosters)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return &directory{organizations: organizations, now: now, rosters: rosters}
}

// roster gets the members of the caller's organization, once for all callers of it who ask at the same time.
func (d *directory) roster(ctx context.Context) roster {
	organization := access.PrincipalFrom(ctx).GetOrganizationId()
	if known, ok := d.rosters.Get(organization); ok && d.now().Before(known.until) {
		return known
	}
	done := d.flight.DoChan(organization, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rosterTimeout)
		defer cancel()
		fresh := roster{until: d.now().Add(rosterLifetime)}
		if fresh.err = d.fetch(ctx, &fresh); fresh.err != nil {
			fresh.until = d.now().Add(rosterRetry)
		}
		d.rosters.Add(organization, fresh)
		return fresh, nil
	})
	select {
	case <-ctx.Done():
		return roster{err: ctx.Err()}
	case result := <-done:
		found, _ := result.Val.(roster)
		return found
	}
}

func (d *directory) fetch(ctx context.Context, r *roster) error {
	r.names = map[string]string{}
	token := ""
	for range rosterPages {
		page, err := d.organizations.ListMembers(ctx, &authzv1.ListMembersRequest{PageSize: membersPerPage, PageToken: token})
		if err != nil {
			return fmt.Errorf("listing the members: %w", err)
		}
		for _, m := range page.GetMembers() {
			r.members = append(r.members, m)
			r.names[m.GetMemberId()] = m.GetDisplayName()
		}
		if token = page.GetNextPageToken(); token == "" {
			r.whole = true
			return nil
		}
	}
	return nil
}

// namer is a function that names a member by the id, or answers the id where no name is known. The directory is asked
// when there is somebody to name.
func (d *directory) namer(ctx context.Context) func(id string) string {
	known := sync.OnceValue(func() roster { return d.roster(ctx) })
	return func(id string) string {
		if id == "" {
			return ""
		}
		if name := known().names[id]; name != "" {
			return name
		}
		return id
	}
}

// find is the id of the member that an argument names: by "me", by an id, or by a name, or a word of one, that no other
// member has. "" stays "": nobody.
func (d *directory) find(ctx context.Context, argument, text string) (string, error) {
	switch text {
	case "":
		return "", nil
	case me:
		return access.PrincipalFrom(ctx).GetMemberId(), nil
	}
	known := d.roster(ctx)
	if known.err != nil {
		return "", known.err
	}
	var called, partly []*authzv1.MemberName
	for _, m := range known.members {
		switch same := func(word string) bool { return strings.EqualFold(word, text) }; {
		case m.GetMemberId() == text:
			return text, nil
		case same(m.GetDisplayName()):
			called = append(called, m)
		case slices.ContainsFunc(strings.Fields(m.GetDisplayName()), same):
			partly = append(partly, m)
		}
	}
	if len(called) == 0 {
		called = partly
	}
	switch {
	case len(called) == 1:
		return called[0].GetMemberId(), nil
	case len(called) > 1:
		return "", mistake(fmt.Sprintf("%s: several members are called %s. Give the id: %s.", argument, quote(text, maxQuoted), list(called)))
	case !known.whole:
		return text, nil // the store knows what an id can be
	}
	return "", mistake(fmt.Sprintf(`%s: there is no member %s. Give "me" or one of: %s.`, argument, quote(text, maxQuoted), list(known.members)))
}

// list names members with their ids, and stops where that gets long.
func list(members []*authzv1.MemberName) string {
	var parts []string
	for _, m := range members[:min(len(members), suggested)] {
		parts = append(parts, m.GetMemberId()+" "+quote(m.GetDisplayName(), maxQuoted))
	}
	if len(members) > suggested {
		parts = append(parts, fmt.Sprintf("and %d others", len(members)-suggested))
	}
	return strings.Join(parts, ", ")
}
