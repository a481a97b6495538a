package authz_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const scimMissing = accessv1.ErrorReason_ERROR_REASON_SCIM_CONNECTION_NOT_FOUND

func TestASCIMConnectionShowsEachOfItsTokensOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	list := func() []*authzv1.ScimConnection {
		t.Helper()
		answer, err := w.scim.ListScimConnections(ada, &authzv1.ListScimConnectionsRequest{})
		ok(t, err)
		return answer.GetScimConnections()
	}
	if got := list(); len(got) != 0 {
		t.Fatalf("at first there is %v", got)
	}
	made, err := w.scim.CreateScimConnection(ada, &authzv1.CreateScimConnectionRequest{DisplayName: "Okta", IdentityProvider: "okta"})
	ok(t, err)
	first := made.GetBearerToken()
	if len(first) < 20 || made.GetBearerTokenLastFour() != first[len(first)-4:] || made.GetBaseUrl() == "" || made.GetIdentityProvider() != "okta" {
		t.Fatalf("created %v", made)
	}
	_, err = w.scim.CreateScimConnection(ada, &authzv1.CreateScimConnectionRequest{DisplayName: "Another"})
	expectOf(t, err, codes.AlreadyExists, accessv1.ErrorReason_ERROR_REASON_SCIM_CONNECTION_EXISTS)

	id := made.GetId()
	_, err = w.scim.CompleteScimTokenRotation(ada, &authzv1.CompleteScimTokenRotationRequest{ScimConnectionId: id})
	expectOf(t, err, codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_SCIM_ROTATION_NOT_STARTED)
	begun, err := w.scim.StartScimTokenRotation(ada, &authzv1.StartScimTokenRotationRequest{ScimConnectionId: id})
	ok(t, err)
	second := begun.GetBearerToken()
	if second == first || begun.GetBearerTokenLastFour() != first[len(first)-4:] || begun.GetNextBearerTokenLastFour() != second[len(second)-4:] ||
		!begun.GetNextBearerTokenExpireTime().IsValid() {
		t.Errorf("after the start of a rotation: %v", begun)
	}
	kept, err := w.scim.CancelScimTokenRotation(ada, &authzv1.CancelScimTokenRotationRequest{ScimConnectionId: id})
	ok(t, err)
	if kept.GetBearerTokenLastFour() != first[len(first)-4:] || kept.GetNextBearerTokenLastFour() != "" {
		t.Errorf("after a rotation that was cancelled: %v", kept)
	}
	begun, err = w.scim.StartScimTokenRotation(ada, &authzv1.StartScimTokenRotationRequest{ScimConnectionId: id})
	ok(t, err)
	third := begun.GetBearerToken()
	listed := list()
	done, err := w.scim.CompleteScimTokenRotation(ada, &authzv1.CompleteScimTokenRotationRequest{ScimConnectionId: id})
	ok(t, err)
	if done.GetBearerTokenLastFour() != third[len(third)-4:] || done.GetNextBearerTokenLastFour() != "" {
		t.Errorf("after a rotation: %v", done)
	}
	for _, c := range append(listed, kept, done, list()[0]) {
		shown := protojson.Format(c)
		for _, secret := range []string{first, second, third} {
			if strings.Contains(shown, secret) || c.GetBearerToken() != "" {
				t.Errorf("a token is shown again: %s", shown)
			}
		}
	}
	_, err = w.scim.DeleteScimConnection(ada, &authzv1.DeleteScimConnectionRequest{ScimConnectionId: id, Etag: made.GetEtag()})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH)
	_, err = w.scim.DeleteScimConnection(ada, &authzv1.DeleteScimConnectionRequest{ScimConnectionId: id, Etag: done.GetEtag()})
	ok(t, err)
	_, err = w.scim.DeleteScimConnection(ada, &authzv1.DeleteScimConnectionRequest{ScimConnectionId: id})
	expect(t, err, scimMissing)
	if strings.Contains(w.log.String(), first) || strings.Contains(w.log.String(), third) {
		t.Error("a token was logged")
	}
}

func TestSCIMIsForThoseWhomTheAccessRulesLet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, max, gina := w.as(devidptest.AdaEmail, devidptest.Acme), w.as(devidptest.MaxEmail, devidptest.Acme), w.as(devidptest.GinaEmail, devidptest.Globex)
	made, err := w.scim.CreateScimConnection(ada, &authzv1.CreateScimConnectionRequest{DisplayName: "Okta"})
	ok(t, err)
	agent := w.idp.MintAgent(devidptest.Ada, "manage:objectives")
	asAgent := kittest.With(t.Context(), "authorization", "Bearer "+agent.AccessToken)
	for permission, call := range map[string]func(ctx context.Context) error{
		"stytch.scim:get": func(ctx context.Context) error {
			_, err := w.scim.ListScimConnections(ctx, &authzv1.ListScimConnectionsRequest{})
			return err
		},
		"stytch.scim:create": func(ctx context.Context) error {
			_, err := w.scim.CreateScimConnection(ctx, &authzv1.CreateScimConnectionRequest{DisplayName: "x"})
			return err
		},
		"stytch.scim:update": func(ctx context.Context) error {
			_, err := w.scim.StartScimTokenRotation(ctx, &authzv1.StartScimTokenRotationRequest{ScimConnectionId: made.GetId()})
			return err
		},
		"stytch.scim:delete": func(ctx context.Context) error {
			_, err := w.scim.DeleteScimConnection(ctx, &authzv1.DeleteScimConnectionRequest{ScimConnectionId: made.GetId()})
			return err
		},
	} {
		err := call(max)
		expect(t, err, denied)
		if got := rpcerr.InfoOf(err).GetMetadata()["permission"]; got != permission {
			t.Errorf("the refusal names %s, want %s", got, permission)
		}
		expect(t, call(asAgent), accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED)
		if permission == "stytch.scim:update" || permission == "stytch.scim:delete" {
			expect(t, call(gina), scimMissing)
		}
	}
}

// expectOf is expect for reasons that few tests are about.
func expectOf(t *testing.T, err error, code codes.Code, want accessv1.ErrorReason) {
	t.Helper()
	if got := rpcerr.ReasonOf(err); got != want || status.Code(err) != code {
		t.Errorf("got %v (%s), want %s", err, got, want)
	}
}
