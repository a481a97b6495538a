package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	defaultPageSize = 50
	maxPageSize     = 200
	// membersLifetime is how long a page of members is remembered.
	membersLifetime = 30 * time.Second
	// cachedMemberPages bounds how many are.
	cachedMemberPages = 1 << 10
)

type organizationService struct {
	authzv1.UnimplementedOrganizationServiceServer
	*API
	pages  *lru.Cache[memberPageKey, memberPage]
	flight singleflight.Group
	// pageEpochs ends pages whose organization was changed here.
	pageEpochs *epochs
	locks      locks
	// invitationURL is where the links in invitations lead.
	invitationURL string
}

type memberPageKey struct {
	organization, cursor string
	limit                int
}

type memberPage struct {
	members []stytch.Member
	next    string
	until   time.Time
	epoch   uint64
}

func newOrganizationService(a *API) *organizationService {
	pages, err := lru.New[memberPageKey, memberPage](cachedMemberPages)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return &organizationService{
		API: a, pages: pages, pageEpochs: newEpochs(), locks: locks{seed: maphash.MakeSeed()},
		invitationURL: strings.TrimRight(a.cfg.PublicURL, "/") + "/authenticate",
	}
}

// GetOrganization implements authzv1.OrganizationServiceServer.
func (s *organizationService) GetOrganization(ctx context.Context, _ *authzv1.GetOrganizationRequest) (*authzv1.Organization, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	found, err := s.fromMetadata(ctx, md)
	if err != nil {
		return nil, err
	}
	return organizationMessage(&found.organization)
}

// ListMembers implements authzv1.OrganizationServiceServer.
func (s *organizationService) ListMembers(ctx context.Context, req *authzv1.ListMembersRequest) (*authzv1.ListMembersResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	key := memberPageKey{organization: caller.GetOrganizationId(), limit: pageSize(req.GetPageSize())}
	if key.cursor, err = s.cursor(key.organization, req.GetPageToken()); err != nil {
		return nil, err
	}
	page, err := s.page(ctx, key)
	if err != nil {
		return nil, signInError(err)
	}
	out := &authzv1.ListMembersResponse{NextPageToken: s.pageToken(key.organization, page.next)}
	for _, m := range page.members {
		out.Members = append(out.Members, &authzv1.MemberName{
			MemberId: m.ID, DisplayName: m.Name, Status: memberStatus(m.Status),
		})
	}
	return out, nil
}

// pageSize is how many members a page has at most.
func pageSize(asked int32) int {
	if asked == 0 {
		return defaultPageSize
	}
	return min(int(asked), maxPageSize)
}

func memberStatus(s stytch.MemberStatus) authzv1.MemberStatus {
	switch s {
	case stytch.StatusActive:
		return authzv1.MemberStatus_MEMBER_STATUS_ACTIVE
	case stytch.StatusInvited:
		return authzv1.MemberStatus_MEMBER_STATUS_INVITED
	case stytch.StatusPending:
		return authzv1.MemberStatus_MEMBER_STATUS_PENDING
	case stytch.StatusDeleted:
		return authzv1.MemberStatus_MEMBER_STATUS_DELETED
	}
	return authzv1.MemberStatus_MEMBER_STATUS_UNSPECIFIED
}

// page gets a page of members, once for all who wait for the same one, unless it is remembered.
func (s *organizationService) page(ctx context.Context, key memberPageKey) (memberPage, error) {
	if page, ok := s.remembered(key); ok {
		return page, nil
	}
	epoch := s.pageEpochs.current()
	name := strconv.FormatUint(epoch, 10) + key.organization + "\x00" + strconv.Itoa(key.limit) + "\x00" + key.cursor
	done := s.flight.DoChan(name, func() (any, error) {
		if page, ok := s.remembered(key); ok {
			return page, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		asked := s.cfg.Now()
		members, next, err := s.cfg.Stytch.Members(ctx, key.organization, key.cursor, key.limit)
		if err != nil {
			return memberPage{}, err
		}
		page := memberPage{members: members, next: next, until: asked.Add(membersLifetime), epoch: epoch}
		s.pages.Add(key, page)
		return page, nil
	})
	select {
	case <-ctx.Done():
		return memberPage{}, ctx.Err()
	case result := <-done:
		page, _ := result.Val.(memberPage)
		return page, result.Err
	}
}

func (s *organizationService) remembered(key memberPageKey) (memberPage, bool) {
	page, ok := s.pages.Get(key)
	return page, ok && s.cfg.Now().Before(page.until) && !s.pageEpochs.ended(page.epoch, key.organization)
}

// pageToken wraps Stytch's cursor so that it works in the list that it was given out for and nowhere else: in one
// organization, and for one search. The page
// size may change from page to page (AIP-158).
func (s *organizationService) pageToken(list, cursor string) string {
	if cursor == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(s.cursorMAC(list, cursor), cursor...))
}

// cursor is what pageToken wrapped. PAGE_TOKEN_INVALID.
func (s *organizationService) cursor(list, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) <= sha256.Size {
		return "", pageTokenInvalid(errors.New("it is too short or not base64"))
	}
	mac, cursor := raw[:sha256.Size], string(raw[sha256.Size:])
	if !hmac.Equal(mac, s.cursorMAC(list, cursor)) {
		return "", pageTokenInvalid(errors.New("its authentication code is wrong"))
	}
	return cursor, nil
}

func pageTokenInvalid(cause error) error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_PAGE_TOKEN_INVALID,
		"the page token was not given out for this list").Wrap(cause)
}

func (s *organizationService) cursorMAC(list, cursor string) []byte {
	mac := hmac.New(sha256.New, s.cfg.PageTokenKey)
	mac.Write([]byte(list + "\x00" + cursor))
	return mac.Sum(nil)
}
